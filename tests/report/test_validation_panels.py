from dataclasses import replace
from pathlib import Path

import pytest
from validations import report_on, some_pairs

from nnloop.report.measures.validation import Validation
from nnloop.report.validation_panels import accuracy_band, rank_band, ranks, thirds, validation_panels


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


def test_there_are_learning_curves_only_of_trials_with_checkpoints() -> None:
    for pairs, number in ((some_pairs(), 3), ([replace(pair, curve=[]) for pair in some_pairs()], 2)):
        panels = validation_panels(Validation(report_on(pairs), pairs, Path("validate")))
        assert len(panels) == number
        assert [len(one.series[1].points) for one in panels[:2]] == [20, 20]
