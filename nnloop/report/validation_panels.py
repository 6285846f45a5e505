"""The panels of a validation: accuracies under both protocols, ranks, and learning curves."""

from collections.abc import Sequence
from itertools import pairwise

from nnloop.report.measures.validation import Validation, ValidationPair, ValidationReport
from nnloop.report.panels import Axis, Panel, Point, Series, percent_axis
from nnloop.report.text import percent
from nnloop.stats import bootstrap_line

THIRDS = {"first third by the proxy": 0, "second": 6, "last": 1}
"""Groups of learning curves that a chart can tell apart, with their colours."""
_STEPS = 24  # places at which a band's edge is computed


def validation_panels(validation: Validation) -> list[Panel]:
    """Return accuracies, ranks, and learning curves if there are any."""
    report, pairs = validation.report, validation.pairs
    panels = [
        Panel(
            "Accuracy",
            percent_axis(f"{report.long}: accuracy, %"),
            [
                Series("fit", accuracy_band(pairs), 0, dots=False),
                Series("", [Point(pair.proxy, pair.long, hint=_hint(pair)) for pair in pairs], 0, line=False),
            ],
            note="validation split; line: least squares; band: its 95% (bootstrap)",
            x=percent_axis(f"{report.proxy}: accuracy, %"),
        ),
        _ranks(report, pairs),
    ]
    curves = [
        Series(
            f"{pair.candidate}, {percent(pair.proxy)} % by the proxy",
            [Point(epoch, accuracy, hint=f"{pair.candidate}: {percent(accuracy)} %") for epoch, accuracy in pair.curve],
            colour,
            dots=False,
        )
        for colour, group in thirds(pairs).items()
        for pair in group
        if pair.curve
    ]
    note = f"{report.long}: validation accuracy where a segment of the training ended"
    if curves:
        axis = percent_axis("accuracy, %")
        panels.append(Panel("Learning curves", axis, curves, note=note, key=THIRDS, x=Axis("epoch", whole=True)))
    return panels


def _ranks(report: ValidationReport, pairs: Sequence[ValidationPair]) -> Panel:
    """Return the panel of the ranks, of which rho is computed."""
    proxy, long = ranks([pair.proxy for pair in pairs]), ranks([pair.long for pair in pairs])
    points = [Point(x, y, hint=_hint(pair)) for x, y, pair in zip(proxy, long, pairs, strict=True)]
    return Panel(
        "Ranks",
        Axis("long rank", whole=True, low=0, high=len(pairs) + 1),
        [Series("rho", rank_band(report, len(pairs)), 2, dots=False), Series("", points, 2, line=False)],
        note="1 is the best; the line's slope is rho, the band's are the ends of its 95% interval",
        x=Axis("rank by the proxy", whole=True),
    )


def accuracy_band(pairs: Sequence[ValidationPair]) -> list[Point]:
    """Return the line through proxy and long accuracies with its 95% band; [] if no line can be fitted."""
    proxy = [pair.proxy for pair in pairs]
    if not pairs:
        return []
    low, high = min(proxy), max(proxy)
    at = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    line = bootstrap_line(proxy, [pair.long for pair in pairs], at)
    return [Point(x, y.value, low=y.low, high=y.high) for x, y in zip(at, line, strict=True)] if line else []


def rank_band(report: ValidationReport, n: int) -> list[Point]:
    """Return the line through the ranks of `n` networks with its 95% band; [] without a correlation.

    Spearman's rho is the line's slope; the ends of rho's interval are the slopes of the band's edges. All of them go
    through the middle of the ranks.
    """
    rho, middle = report.correlation.rho, (n + 1) / 2
    if rho is None:
        return []
    slopes = (rho.value, rho.low, rho.high)
    at = [1 + (n - 1) * step / _STEPS for step in range(_STEPS + 1)]
    lines = [[middle + slope * (x - middle) for slope in slopes] for x in at]
    return [Point(x, y, low=min(ends), high=max(ends)) for x, (y, *ends) in zip(at, lines, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value; 1 is the largest, equal values share their mean rank."""
    return [1 + sum(v > value for v in values) + (sum(v == value for v in values) - 1) / 2 for value in values]


def thirds(pairs: Sequence[ValidationPair]) -> dict[int, list[ValidationPair]]:
    """Return the pairs in three groups by proxy accuracy, best first, keyed by the group's colour in THIRDS."""
    ordered = sorted(pairs, key=lambda pair: (-pair.proxy, pair.candidate))
    cuts = pairwise(round(len(ordered) * part / len(THIRDS)) for part in range(len(THIRDS) + 1))
    return {colour: ordered[low:high] for colour, (low, high) in zip(THIRDS.values(), cuts, strict=True)}


def _hint(pair: ValidationPair) -> str:
    return f"{pair.candidate}: {percent(pair.proxy)} %, then {percent(pair.long)} %"
