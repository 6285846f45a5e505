import json
import random
import subprocess
import sys

import numpy as np
import pytest

from nnloop.records import Interval
from nnloop.stats import (
    Correlation,
    bootstrap_line,
    bootstrap_mean,
    expected_best,
    holm,
    spearman,
    student_mean,
    student_p,
    wilson,
)


def test_wilson_gives_the_published_interval() -> None:
    interval = wilson(8, 10)  # Newcombe 1998, and R's prop.test(correct=FALSE)
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize("n", [1, 10, 1100])
def test_wilson_stays_within_zero_and_one_at_the_ends(n: int) -> None:
    assert wilson(0, n).low == 0.0
    assert wilson(0, n).high > 0.0
    assert wilson(n, n).high == 1.0
    assert wilson(n, n).low < 1.0


def test_wilson_of_nothing_says_that_nothing_is_known() -> None:
    assert wilson(0, 0) == Interval(0.0, 0.0, 1.0)


def test_bootstrap_of_an_empty_sample_is_none_and_of_one_value_has_no_width() -> None:
    assert bootstrap_mean([]) is None
    assert bootstrap_mean([0.5]) == Interval(0.5, 0.5, 0.5)


def test_bootstrap_is_the_same_for_the_same_seed_and_not_for_another() -> None:
    values = [0.1, 0.4, 0.35, 0.8]
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)


def test_bootstrap_covers_the_mean_about_as_often_as_it_says() -> None:
    generator = random.Random(0)
    hits = 0
    for _ in range(200):
        interval = bootstrap_mean([generator.random() for _ in range(40)], resamples=400)
        assert interval is not None
        hits += interval.low <= 0.5 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_bootstrap_of_a_long_sample_uses_every_resample() -> None:
    interval = bootstrap_mean([0.0, 1.0] * 5000, resamples=500)
    assert interval is not None
    assert interval.low == pytest.approx(0.49, abs=0.005)
    assert interval.high == pytest.approx(0.51, abs=0.005)


def test_student_mean_is_the_textbook_interval() -> None:
    interval = student_mean([1.0, 2.0, 3.0])  # 2 +- 4.3027 * 1 / sqrt(3)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)
    assert student_mean([1.0]) is None


def test_spearman_is_scipys_with_an_interval_around_it() -> None:
    x = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    y = [0.2, 0.1, 0.4, 0.3, 0.6, 0.5, 0.8, 0.7, 1.0, 0.9]
    rank = spearman(x, y)
    assert rank.rho is not None
    assert rank.rho.value == pytest.approx(0.9394, abs=1e-4)
    assert rank.rho.low < rank.rho.value < rank.rho.high <= 1.0
    assert rank.p == pytest.approx(5.48e-05, rel=0.01)
    assert (rank.n, rank.note) == (10, "")


def test_spearman_gives_ties_their_mean_rank() -> None:
    rank = spearman([1, 2, 2, 3], [1, 2, 3, 4])
    assert rank.rho is not None
    assert rank.rho.value == pytest.approx(0.9487, abs=1e-4)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [([1.0, 2.0], [1.0, 2.0], "at least 3"), ([1.0] * 9, [float(i) for i in range(9)], "constant")],
)
def test_spearman_says_when_a_sample_cannot_show_a_ranking(x: list[float], y: list[float], reason: str) -> None:
    rank = spearman(x, y)
    assert rank.rho is None
    assert reason in rank.note


def test_spearman_of_few_pairs_says_so() -> None:
    assert "5 pairs" in spearman([1, 2, 3, 4, 5], [2, 1, 3, 5, 4]).note


def test_a_bootstrap_line_is_numpys_fit_with_its_interval_around_it() -> None:
    x, y = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1.1, 2.8, 5.2, 6.9, 9.1, 11.0]
    line = bootstrap_line(x, y, [0.0, 2.5, 10.0])
    assert line is not None
    slope, offset = np.polyfit(x, y, 1)
    assert [one.value for one in line] == pytest.approx([offset, offset + 2.5 * slope, offset + 10 * slope])
    assert all(one.low < one.value < one.high for one in line)
    widths = [one.high - one.low for one in line]
    assert widths[1] < widths[0] < widths[2]  # narrow among the points, wide away from them


def test_there_is_no_bootstrap_line_through_too_few_or_constant_places() -> None:
    assert bootstrap_line([0.0, 1.0], [0.0, 1.0], [0.5]) is None
    assert bootstrap_line([1.0] * 5, [0.0, 1.0, 2.0, 3.0, 4.0], [1.0]) is None


def test_a_correlation_survives_json() -> None:
    rank = spearman([1, 2, 3, 4], [1, 3, 2, 4])
    assert Correlation.from_json(json.loads(rank.line())) == rank


def test_importing_stats_loads_neither_numpy_nor_scipy() -> None:
    code = "import sys, nnloop.stats; print(sorted({'numpy', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_student_s_interval_of_few_seeds_covers_95_percent_and_a_bootstrap_does_not(seeds: int) -> None:
    draws = np.random.default_rng(1).normal(0.9, 0.02, (1_000, seeds))

    def coverage(estimate) -> float:
        intervals = [estimate(list(values)) for values in draws]
        return sum(one.low <= 0.9 <= one.high for one in intervals) / len(draws)

    assert 0.93 <= coverage(student_mean) <= 0.97
    assert coverage(lambda values: bootstrap_mean(values, resamples=200)) < 0.92


def test_student_s_p_is_below_five_percent_where_its_interval_leaves_zero_out() -> None:
    for values in ([0.1, 0.2, 0.3], [0.1, -0.2, 0.3], [0.2, 0.21, 0.19, 0.5]):
        interval, p = student_mean(values), student_p(values)
        assert interval is not None
        assert p is not None
        assert (p < 0.05) == (interval.low > 0 or interval.high < 0)
    assert (student_p([0.1]), student_p([0.2, 0.2]), student_p([0.0, 0.0])) == (None, 0.0, 1.0)


def test_holm_s_adjustment_is_the_published_one() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # R's p.adjust(method="holm")
    assert holm([]) == []


def test_the_expected_best_is_the_mean_over_all_choices() -> None:
    assert expected_best([0.1, 0.5, 0.3], 2) == pytest.approx((0.5 + 0.3 + 0.5) / 3)
    assert expected_best([0.1, 0.5, 0.3], 3) == 0.5
    assert expected_best([0.1], 2) is None
