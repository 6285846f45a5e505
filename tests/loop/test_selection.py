"""The rules of admission and selection, case by case."""

import pytest

from nnloop.loop.selection import SelectionRules
from nnloop.pareto import Tradeoff
from nnloop.records import AccuracyEstimate, Network, Status, TrialResult

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


@pytest.mark.parametrize(
    ("accuracy", "weights", "selected"),
    [(0.8, 50, True), (0.8, 100, False), (0.5, 50, False), (0.95, 900, True), (0.8, None, False)],
)
def test_with_a_tradeoff_a_good_network_that_is_cheaper_is_better_too(
    accuracy: float, weights: int | None, selected: bool
) -> None:
    parent = Network("id", "code", "parent", val_accuracy=0.9, weights=100)
    rules = SelectionRules(0.6, "better", tradeoff=Tradeoff("params", 0.6))
    result = TrialResult(Status.OK, val_accuracy=accuracy, weights=weights, params=1)
    assert rules.selects(result, admitted=False, parent=parent) is selected


@pytest.mark.parametrize(("value", "selected"), [(0.61, True), (0.59, False)])
def test_estimates_are_compared_where_there_are_some(value: float, selected: bool) -> None:
    parent = Network("id", "code", "parent", val_accuracy=0.7, estimate=0.6)
    estimate = AccuracyEstimate(value, noise=0.05, share=0.5)
    result = TrialResult(Status.OK, val_accuracy=0.65)
    assert SelectionRules(0.5, "better").selects(result, admitted=True, parent=parent, estimate=estimate) is selected


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
