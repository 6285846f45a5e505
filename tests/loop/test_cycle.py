"""The figures of a cycle are what their names say."""

from dataclasses import replace
from typing import Any

import entries
import pytest

from nnloop.loop.cycle import over_budget
from nnloop.measures import summarise
from nnloop.records import Costs, Counts, CycleReport, Entry, FinetuneResult, NoveltyVerdict, Status, TrialResult
from nnloop.settings import BudgetSettings

COSTS = Costs(seconds={"total": 9.0}, tokens=40, prompt_tokens=400, peak_bytes=99)
TUNED = FinetuneResult("next", pairs=7, loss=0.1)


def entry(slot: int, status: Status, accuracy: float | None = None, **more: Any) -> Entry:
    result = None if accuracy is None else TrialResult(Status.OK, val_accuracy=accuracy)
    novelty = NoveltyVerdict(True, 0.2 * slot, None, 0.9) if status is Status.OK else None
    facts = {"cycle": 2, "slot": slot, "tokens": 10, "prompt_tokens": 100, "lines": 4}
    return entries.entry(f"id{slot}", status, result=result, novelty=novelty, facts=facts, **more)


def summary(entries: list[Entry], costs: Costs = COSTS) -> CycleReport:
    return summarise(2, entries, admitted_before=5, min_accuracy=0.6, costs=costs, finetune=TUNED)


ENTRIES = [
    entry(0, Status.OK, 0.4, admitted=True),
    entry(1, Status.OK, 0.8, admitted=True, selected=True),
    entry(2, Status.DUPLICATE, 0.8),
    entry(3, Status.PATCH_FAILED),
]
REPORT = summary(ENTRIES)


def test_the_valid_rate_is_over_all_completions_and_counts_valid_duplicates() -> None:
    assert REPORT.valid_rate.value == 0.75
    assert REPORT.valid_rate.low < 0.75 < REPORT.valid_rate.high


def test_means_are_over_distinct_valid_networks_and_also_given_per_completion() -> None:
    assert REPORT.mean_accuracy is not None
    assert REPORT.mean_accuracy.value == pytest.approx(0.6)
    assert REPORT.mean_accuracy_all == pytest.approx((0.4 + 0.8 + 0.8 + 0.0) / 4)
    assert REPORT.mean_jaccard == pytest.approx(0.1)


def test_counts_add_up() -> None:
    assert sum(REPORT.statuses.values()) == REPORT.counts.generated == 4
    assert REPORT.counts == Counts(generated=4, distinct=2, admitted=2, admitted_total=7, selected=1, duplicates=1)
    assert (REPORT.best_accuracy, REPORT.best_candidate) == (0.8, "id1")
    assert REPORT.share_above is not None
    assert REPORT.share_above.value == 0.5
    assert (REPORT.mean_tokens, REPORT.mean_lines) == (10, 4)


def test_a_cycle_without_a_valid_network_has_no_means() -> None:
    report = summary([entry(0, Status.UNPARSEABLE)])
    assert (report.mean_accuracy, report.best_accuracy, report.share_above, report.mean_jaccard) == (None,) * 4
    assert report.mean_accuracy_all == 0.0


def test_costs_are_given_per_cycle_and_per_admitted_network() -> None:
    report = summary(ENTRIES, replace(COSTS, seconds={"total": 8.0}, gpu_seconds=16.0))
    assert report.costs.by_unit == {"tokens": 40, "prompt_tokens": 400, "seconds": 8.0, "gpu_seconds": 16.0}
    assert report.costs_per_admitted == {"tokens": 20, "prompt_tokens": 200, "seconds": 4.0, "gpu_seconds": 8.0}
    assert summary(ENTRIES[3:]).costs_per_admitted == {}


@pytest.mark.parametrize(
    ("tokens", "hours", "message"),
    [
        (None, None, None),
        (881, 0.01, None),
        (880, None, "budget.tokens=880 is used up: 880 tokens in 2 cycles"),
        (None, 0.005, "budget.hours=0.005 is used up: 0.01 h in 2 cycles"),
    ],
)
def test_a_budget_is_used_up_by_the_closed_cycles(tokens: int | None, hours: float | None, message: str | None) -> None:
    assert over_budget([REPORT, REPORT], BudgetSettings(tokens, hours, target=None, patience=None)) == message


@pytest.mark.parametrize(
    ("target", "patience", "message"),
    [
        (0.8, None, "budget.target=0.8 is reached: 80.00% in cycle 2"),
        (0.81, None, None),
        (None, 2, "budget.patience=2 is used up: the best, 80.00%, is of cycle 2"),
        (None, 3, None),
        (None, None, None),
    ],
)
def test_a_search_is_done_at_its_target_and_when_nothing_better_comes(
    target: float | None, patience: int | None, message: str | None
) -> None:
    reports = [replace(REPORT, best_accuracy=best) for best in (0.7, 0.8, None, 0.8)]
    budget = BudgetSettings(tokens=None, hours=None, target=target, patience=patience)
    assert over_budget(reports, budget) == message
    assert over_budget([], budget) is None
