"""The figures of a cycle are what their names say."""

import pytest

from nnloop.loop.cycle import Tuning, over_budget, summarise
from nnloop.records import Entry, NoveltyVerdict, Status, TrialResult
from nnloop.settings import BudgetSettings


def entry(slot: int, status: Status, accuracy: float | None = None, **more: object) -> Entry:
    result = None if accuracy is None else TrialResult(Status.OK, val_accuracy=accuracy)
    verdict = NoveltyVerdict(True, 0.2 * slot, None, 0.9) if status is Status.OK else None
    values: dict[str, object] = {"cycle": 2, "slot": slot, "status": status, "reason": "", "candidate": f"id{slot}"}
    values |= {"parent": "p", "mode": "delta", "result": result, "verdict": verdict, "admitted": False}
    values |= {"selected": False, "seed": 0, "tokens": 10, "prompt_tokens": 100, "lines": 4, "seconds": 0.5}
    return Entry(**{**values, **more})  # type: ignore[arg-type]


ENTRIES = [
    entry(0, Status.OK, 0.4, admitted=True),
    entry(1, Status.OK, 0.8, admitted=True, selected=True),
    entry(2, Status.DUPLICATE, 0.8),
    entry(3, Status.PATCH_FAILED),
]
REPORT = summarise(2, ENTRIES, 5, 0.6, Tuning("next", 0.1, 7), {"total": 1.23456}, 99)


def test_the_valid_rate_is_over_all_completions_and_counts_valid_duplicates() -> None:
    assert REPORT.valid_rate.value == 0.75
    assert REPORT.valid_rate.low < 0.75 < REPORT.valid_rate.high


def test_means_are_over_distinct_valid_networks_and_also_given_per_completion() -> None:
    assert REPORT.mean_accuracy is not None
    assert REPORT.mean_accuracy.value == pytest.approx(0.6)
    assert REPORT.mean_accuracy_all == pytest.approx((0.4 + 0.8 + 0.8 + 0.0) / 4)
    assert REPORT.mean_jaccard == pytest.approx(0.1)


def test_counts_add_up() -> None:
    assert sum(REPORT.statuses.values()) == REPORT.generated == 4
    assert (REPORT.distinct, REPORT.duplicates, REPORT.admitted, REPORT.admitted_total, REPORT.selected) == (
        2,
        1,
        2,
        7,
        1,
    )
    assert (REPORT.best_accuracy, REPORT.best_candidate) == (0.8, "id1")
    assert REPORT.share_above is not None
    assert REPORT.share_above.value == 0.5
    assert (REPORT.tokens, REPORT.prompt_tokens, REPORT.mean_tokens, REPORT.mean_lines) == (40, 400, 10, 4)


def test_a_cycle_without_a_valid_network_has_no_means() -> None:
    report = summarise(0, [entry(0, Status.UNPARSEABLE)], 0, 0.6, Tuning(), {}, 0)
    assert (report.mean_accuracy, report.best_accuracy, report.share_above, report.mean_jaccard) == (None,) * 4
    assert report.mean_accuracy_all == 0.0


def test_costs_are_given_per_cycle_and_per_admitted_network() -> None:
    report = summarise(2, ENTRIES, 5, 0.6, Tuning(), {"total": 8.0}, 99, gpu_seconds=16.0)
    assert report.costs == {"tokens": 40, "prompt_tokens": 400, "seconds": 8.0, "gpu_seconds": 16.0}
    assert report.costs_per_admitted == {"tokens": 20, "prompt_tokens": 200, "seconds": 4.0, "gpu_seconds": 8.0}
    none = summarise(2, ENTRIES[3:], 5, 0.6, Tuning(), {"total": 8.0}, 99)
    assert none.costs_per_admitted == {}


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
    reports = [summarise(cycle, ENTRIES, 0, 0.6, Tuning(), {"total": 9.0}, 0) for cycle in range(2)]
    assert over_budget(reports, BudgetSettings(tokens, hours)) == message
