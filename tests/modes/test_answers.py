"""Answers of the shapes that LLMs write: each is taken as meant, or refused with its reason."""

import re

import pytest
from answers import ANSWERS, Case
from edits import BASE, WIDER
from odd_answers import ODD_ANSWERS

from nnloop.errors import CompletionError
from nnloop.modes import Mode
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.records import REWRITE, candidate_id


@pytest.mark.parametrize("case", [*ANSWERS, *ODD_ANSWERS], ids=lambda case: case.shape)
def test_an_answer_is_taken_as_meant_or_refused_with_its_reason(case: Case) -> None:
    mode: Mode = Full() if case.mode == "full" else Delta(3, True, fuzz=case.fuzz, rewrites=case.rewrites)
    cut = "the token limit cut it off" if case.cut else ""
    if case.status is None:
        reading = mode.read(case.text, BASE, cut)
        assert candidate_id(reading.code) == candidate_id(WIDER)
        assert reading.salvages == ["fuzz"] * (case.fuzz > 0) + [REWRITE] * case.rewrites
        return
    with pytest.raises(CompletionError) as caught:
        mode.read(case.text, BASE, cut)
    assert (caught.value.status, bool(re.search(case.reason, caught.value.reason))) == (case.status, True), caught.value


def test_shapes_have_names_of_their_own() -> None:
    shapes = [case.shape for case in (*ANSWERS, *ODD_ANSWERS)]
    assert len(set(shapes)) == len(shapes) > 150
