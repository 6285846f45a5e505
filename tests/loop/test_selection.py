"""The rules of admission and selection, case by case."""

import pytest

from nnloop.loop.selection import SelectionRules
from nnloop.records import Network, Status, TrialResult

PARENT = Network("id", "code", "parent", val_accuracy=0.5)


@pytest.mark.parametrize(
    ("rule", "mode", "accuracy", "selected"),
    [
        ("better", "full", 0.6, True),
        ("better", "full", 0.59, False),
        ("better", "delta", 0.51, True),
        ("better", "delta", 0.5, False),
        ("good", "full", 0.6, True),
        ("good", "delta", 0.6, True),
        ("good", "delta", 0.59, False),
        ("admitted", "delta", 0.9, False),
    ],
)
def test_the_rule_decides_on_selection(rule: str, mode: str, accuracy: float, selected: bool) -> None:
    result = TrialResult(Status.OK, val_accuracy=accuracy)
    assert SelectionRules(0.6, rule, mode).selects(result, admitted=False, parent=PARENT) is selected


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
    assert (
        SelectionRules(0.6, "better", "full").admits(TrialResult(status, val_accuracy=accuracy), novel=novel)
        is admitted
    )
