"""llm=random: structural edits in the format of an answer."""

import pytest
from asking import random_settings, requests

from nnloop.llm import Request, load
from nnloop.records import Prompt


@pytest.mark.parametrize(("mode", "tag"), [("delta", "delta"), ("full", "nn")])
def test_random_edits_are_answered_in_the_modes_format(mode: str, tag: str) -> None:
    answers = list(load(random_settings(), mode, 4).generate(requests(4)))
    assert all(one.text.startswith(f"<{tag}>\n") and one.text.endswith(f"\n</{tag}>") for one in answers)
    assert len({one.text for one in answers}) > 1


def test_random_edits_leave_a_foreign_network_as_it_is() -> None:
    request = Request(Prompt("", "b", "full"), "class Net:\n    pass\n", 0, 0, 5)
    assert next(load(random_settings(), "full", 1).generate([request])).text == "<nn>\nclass Net:\n    pass\n</nn>"
