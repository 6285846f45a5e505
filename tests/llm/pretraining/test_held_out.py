"""The measures on networks that no document shows."""

from typing import Any

import pytest
from tiny_recipe import small

from nnloop.corpus.library import seeds
from nnloop.llm.pretraining import held_out
from nnloop.llm.pretraining.model import build_model
from nnloop.modes.render import delta_target

pytestmark = pytest.mark.usefixtures("one_thread")

CODE = "a\nb\nc\nb\n"


@pytest.mark.parametrize(
    ("hunk", "result"),
    [("-a\n+x", "x\nb\nc\nb\n"), (" c\n-b", "a\nb\nc\n"), ("-b\n+x", None), ("-d", None), ("+x", None)],
)
def test_a_hunk_applies_where_its_old_side_stands_once(hunk: str, result: str | None) -> None:
    assert held_out.apply_numberless(CODE, f"<delta>\n@@ @@\n{hunk}\n</delta>") == result


def test_answers_are_counted_by_whether_they_apply_and_are_new() -> None:
    shown = [network.code for network in seeds()[:4]]
    applies = delta_target(shown[0], shown[0].replace("3", "5", 1), context_lines=1, line_numbers=False)
    diffs = [applies, "<delta>\n@@ @@\n-no such line\n</delta>", applies, "nothing"]
    measures = held_out.measure(shown, diffs, [f"<nn>\n{shown[1]}</nn>"])
    assert (measures.distinct, measures.parsed) == (0.75, 1)
    assert 0.25 <= measures.applied < 1
    assert 0 < measures.old_lines < 1
    assert held_out.measure(shown, diffs, [f"<nn>\n{shown[0]}</nn>"]).parsed == 0


def test_an_untrained_model_is_measured_too(tokenizer: Any) -> None:
    model = build_model(small(), tokenizer).eval()
    assert held_out.evaluate(model, tokenizer, networks=[seeds()[0].code], seed=0).applied == 0
