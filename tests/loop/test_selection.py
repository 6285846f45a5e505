"""The rules of admission and selection, case by case."""

import pytest

from nnloop.loop.selection import SelectionRules
from nnloop.records import Network, Status, TrialResult

PARENT = Network("id", "code", "parent", val_accuracy=0.5)


@pytest.mark.parametrize(
    ("rule", "accuracy", "selected"),
    [
        ("better", 0.51, True),
        ("better", 0.5, False),
        ("good", 0.6, True),
        ("good", 0.59, False),
        ("admitted", 0.9, False),
        ("all", 0.1, True),
    ],
)
def test_the_rule_decides_on_selection(rule: str, accuracy: float, selected: bool) -> None:
    result = TrialResult(Status.OK, val_accuracy=accuracy)
    assert SelectionRules(0.6, rule).selects(result, admitted=False, parent=PARENT) is selected


@pytest.mark.parametrize("rule", ["better", "good"])
def test_a_good_network_that_is_worse_than_its_parent_teaches_nothing(rule: str) -> None:
    parent = Network("id", "code", "parent", val_accuracy=0.9)
    result = TrialResult(Status.OK, val_accuracy=0.8)
    assert not SelectionRules(0.6, rule).selects(result, admitted=True, parent=parent)


@pytest.mark.parametrize(
    ("status", "accuracy", "novel", "admitted"),
    [
        (Status.OK, 0.6, True, True),
        (Status.OK, 0.59, True, False),
        (Status.OK, 0.9, False, False),
        (Status.BELOW_CHANCE, 0.9, True, False),
    ],
)
def test_a_novel_network_at_or_above_the_bar_is_admitted(
    status: Status, accuracy: float, novel: bool, admitted: bool
) -> None:
    rules = SelectionRules(0.6, "better")
    assert rules.admits(TrialResult(status, val_accuracy=accuracy), novel=novel) is admitted
