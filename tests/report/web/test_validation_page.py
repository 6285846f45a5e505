from dataclasses import replace
from pathlib import Path

import pytest

from nnloop.report.measures.validation import Validation, ValidationPair, ValidationReport, study
from nnloop.report.web.validation_page import accuracy_band, rank_band, ranks, thirds, validation_page


def some_pairs(n: int = 20) -> list[ValidationPair]:
    """Of networks whose order the proxy nearly keeps."""
    return [
        ValidationPair("run", f"n{i}", i / 40, 0.5 + (i ^ 1) / 50, 0.5, 1, 1.0, [[5, i / 50], [10, 0.5 + (i ^ 1) / 50]])
        for i in range(n)
    ]


def report_on(pairs: list[ValidationPair], failed: dict[str, int] | None = None) -> ValidationReport:
    return study(pairs, "Digits", "fast", "long", "a rule", chosen=len(pairs), failed=failed or {})


def page_of(pairs: list[ValidationPair], failed: dict[str, int] | None = None) -> str:
    return validation_page(Validation(report_on(pairs, failed), pairs, Path("validate")))


def test_the_band_of_the_ranks_has_the_slopes_of_rho_and_its_interval() -> None:
    made = some_pairs()
    report = report_on(made)
    band, rho = rank_band(report, len(made)), report.correlation.rho
    assert rho is not None
    first, last = band[0], band[-1]
    assert (first.x, last.x) == (1, 20)
    assert (last.y - first.y) / 19 == pytest.approx(rho.value)
    assert (last.low, last.high) == pytest.approx((10.5 + 9.5 * rho.low, 10.5 + 9.5 * rho.high))
    assert (first.low, first.high) == pytest.approx((10.5 - 9.5 * rho.high, 10.5 - 9.5 * rho.low))


def test_the_band_of_the_accuracies_holds_the_least_squares_line() -> None:
    made = some_pairs()
    band = accuracy_band(made)
    assert (band[0].x, band[-1].x) == pytest.approx((made[0].proxy, made[-1].proxy))
    assert all(point.low < point.y < point.high for point in band if point.low is not None and point.high is not None)
    assert accuracy_band(made[:2]) == accuracy_band([]) == []


def test_learning_curves_come_in_thirds_by_the_proxy() -> None:
    groups = thirds(some_pairs(7))
    assert [[pair.candidate for pair in group] for group in groups.values()] == [
        ["n6", "n5"],
        ["n4", "n3", "n2"],
        ["n1", "n0"],
    ]


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks([0.5, 0.9, 0.5, 0.1]) == [2.5, 1.0, 2.5, 4.0]


def test_the_page_draws_both_bands_and_a_curve_a_network() -> None:
    drawn = page_of(some_pairs())
    assert drawn.count('class="band ') == 2
    assert drawn.count("% by the proxy</title>") == 20


def test_without_curves_there_is_no_chart_of_them() -> None:
    assert "Learning curves" in page_of(some_pairs())
    assert "Learning curves" not in page_of([replace(pair, curve=[]) for pair in some_pairs()])


def test_the_pairs_stand_in_a_table_the_best_long_accuracy_first() -> None:
    rows = page_of(some_pairs(6)).partition("<h2>Pairs</h2>")[2].split("<tr>")[2:]
    assert [row.partition("</span>")[0].rpartition(">")[2] for row in rows] == ["n4", "n5", "n2", "n3", "n0", "n1"]
    assert "<td>10.00</td><td>60.00</td><td>50.00</td>" in rows[0]


def test_failed_trials_and_too_few_pairs_are_said() -> None:
    drawn = page_of(some_pairs(2), {"timeout": 1, "crashed": 1})
    assert "2 of 2 long trials gave no accuracy: 1 crashed, 1 timeout" in drawn
    assert "Beware: 2 pairs: a rank correlation needs at least 3" in drawn
