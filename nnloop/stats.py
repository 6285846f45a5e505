"""Estimates with their 95% intervals: pure functions. numpy and scipy are imported where they are first needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnloop.json_record import Record
from nnloop.records import Interval, Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Z = 1.959963984540054  # normal quantile of 97.5%
_BLOCK = 2_000_000  # numbers drawn at once, so that a long sample needs little memory


@dataclass(frozen=True, slots=True)
class Correlation(Record):
    """A rank correlation. `rho` is None, with the reason in `note`, if the sample can't show one."""

    rho: Interval | None  # Spearman's
    n: int  # pairs
    tau: float | None = None  # Kendall's tau-b
    p: float | None = None  # two-sided, of rho
    note: str = ""


def wilson(successes: int, n: int) -> Interval:
    """Estimate a rate (Wilson's score interval). With n = 0 nothing is known: 0 in [0, 1]."""
    if n == 0:
        return Interval(0.0, 0.0, 1.0)
    rate = successes / n
    spread = 1 + _Z**2 / n
    centre = (rate + _Z**2 / (2 * n)) / spread
    half = _Z * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)) / spread
    low = 0.0 if successes == 0 else centre - half  # exact at the ends, whatever the rounding
    high = 1.0 if successes == n else centre + half
    return Interval(rate, low, high)


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = 2000) -> Interval | None:
    """Estimate a mean (percentile bootstrap); None for an empty sample. One value has an interval of no width."""
    import numpy as np

    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        return None
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // sample.size)
    means = [
        sample[generator.integers(0, sample.size, (min(rows, resamples - done), sample.size))].mean(axis=1)
        for done in range(0, resamples, rows)
    ]
    return _percentile(float(sample.mean()), np.concatenate(means))


def student_mean(values: Sequence[float]) -> Interval | None:
    """Estimate a mean of few values, as of a handful of seeds (Student's t); None for fewer than two.

    A percentile bootstrap of three values covers 74% instead of 95%, and one of eight 88%.
    """
    import numpy as np

    if len(values) < 2:
        return None
    sample = np.asarray(values, dtype=np.float64)
    half = student_quantile(len(values) - 1) * float(sample.std(ddof=1)) / math.sqrt(len(values))
    mean = float(sample.mean())
    return Interval(mean, mean - half, mean + half)


def student_quantile(degrees: int) -> float:
    """Return the quantile of Student's t for a two-sided 95%."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


def student_p(values: Sequence[float]) -> float | None:
    """Return the two-sided p of a mean of 0 (Student's t); None for fewer than two values."""
    estimate = student_mean(values)
    if estimate is None:
        return None
    from scipy.special import stdtr

    degrees = len(values) - 1
    error = (estimate.high - estimate.value) / student_quantile(degrees)
    if error == 0.0:
        return float(estimate.value == 0.0)
    return 2 * float(stdtr(degrees, -abs(estimate.value) / error))


def noise_of(networks: Sequence[Network]) -> float | None:
    """Return the standard deviation of one trial's accuracy, pooled over networks; None if none was tried twice."""
    known = [network.noise**2 for network in networks if network.noise is not None]
    return math.sqrt(sum(known) / len(known)) if known else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted for making all the claims of a table together (Holm 1979), in their order."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def expected_best(values: Sequence[float], count: int) -> float | None:
    """Return the expected best of `count` of the values, drawn without replacement; None if there are fewer."""
    if not 0 < count <= len(values):
        return None
    draws = math.comb(len(values), count)
    ordered = sorted(values)
    return sum(value * math.comb(place, count - 1) for place, value in enumerate(ordered)) / draws


def spearman(x: Sequence[float], y: Sequence[float], seed: int = 0, resamples: int = 2000) -> Correlation:
    """Estimate how well x ranks y: Spearman's rho with a bootstrap interval over pairs, ties at their mean rank.

    Resamples in which one column is constant have no rho and are left out of the interval.
    """
    import numpy as np

    if len(x) != len(y):
        raise ValueError(f"pairs are needed, not {len(x)} and {len(y)} values")
    n = len(x)
    if n < 3:
        return Correlation(None, n=n, note=f"{n} pairs: a rank correlation needs at least 3")
    if len(set(x)) == 1 or len(set(y)) == 1:
        return Correlation(None, n=n, note="one column is constant: there is nothing to rank")
    from scipy import stats

    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    rank = stats.spearmanr(a, b)
    picks = np.random.default_rng(seed).integers(0, n, (resamples, n))
    rhos = _row_correlation(stats.rankdata(a[picks], axis=1), stats.rankdata(b[picks], axis=1))
    note = f"only {n} pairs: the interval is a rough guide" if n < 8 else ""
    rho = _percentile(float(rank.statistic), rhos[np.isfinite(rhos)])
    tau = float(stats.kendalltau(a, b).statistic)
    return Correlation(rho, n=n, tau=tau, p=float(rank.pvalue), note=note)


def bootstrap_line(
    x: Sequence[float], y: Sequence[float], at: Sequence[float], seed: int = 0, resamples: int = 2000
) -> list[Interval] | None:
    """Estimate the least-squares line of y over x at the places `at` (percentile bootstrap over pairs).

    None below three pairs and for a constant x. Resamples in which x is constant have no line and are left out.
    """
    import numpy as np

    if len(x) != len(y):
        raise ValueError(f"pairs are needed, not {len(x)} and {len(y)} values")
    if len(x) < 3 or len(set(x)) == 1:
        return None
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(x), (resamples, len(x)))
    slopes, offsets = _lines(np.vstack([a, a[picks]]), np.vstack([b, b[picks]]))
    places = np.asarray(at, dtype=np.float64)
    heights = offsets[:, None] + slopes[:, None] * places
    return [_percentile(float(own[0]), own[1:][np.isfinite(own[1:])]) for own in heights.T]


def _lines(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return slope and offset of each row's least-squares line, (rows,) each; NaN if its x is constant."""
    import numpy as np

    centred = x - x.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    spread[(x == x[:, :1]).all(axis=1)] = np.nan
    slope: NDArray[np.float64] = (centred * y).sum(axis=1) / spread
    offset: NDArray[np.float64] = y.mean(axis=1) - slope * x.mean(axis=1)
    return slope, offset


def _percentile(value: float, resampled: "NDArray[np.float64]") -> Interval:
    import numpy as np

    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def _row_correlation(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return Pearson's r of each row, (resamples,); NaN if a row is constant."""
    import numpy as np

    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        result: NDArray[np.float64] = (x * y).sum(axis=1) / scale
    return result
