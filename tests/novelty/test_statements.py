"""Statements in normal form: blind to names and layout, and to nothing else."""

import pytest
from graphs import NET, OTHER, SAME, likeness

TOLD_APART_BY_TEXT = ("a method inlined", "another spelling", "layers that nothing runs", "the order of a sum")


@pytest.mark.parametrize("change", [change for change in SAME if change not in TOLD_APART_BY_TEXT])
def test_statements_do_not_see_names_and_layout(change: str) -> None:
    assert likeness(NET, SAME[change], "statements") == 1.0


@pytest.mark.parametrize("change", OTHER)
def test_statements_see_a_change_of_the_computation(change: str) -> None:
    assert likeness(NET, OTHER[change], "statements") < 0.9
