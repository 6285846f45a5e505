"""A validation as a page: accuracies, ranks and learning curves."""

from collections.abc import Sequence
from itertools import pairwise

from nnloop.report.measures.validation import Validation, ValidationPair, ValidationReport, p_text
from nnloop.report.text import count, number, percent, signed
from nnloop.report.web import svg
from nnloop.report.web.charts import card, percent_axis
from nnloop.report.web.html import Content, Markup, page, remark, section, table, tag, tiles
from nnloop.report.web.svg import Point, Series
from nnloop.stats import bootstrap_line

THIRDS = {"first third by the proxy": 0, "second": 6, "last": 1}
"""Learning curves in groups that a chart can tell apart, with their colours."""
_STEPS = 24  # places at which a band's edge is computed


def validation_page(validation: Validation) -> str:
    """Return the page of a validation."""
    report, pairs = validation.report, validation.pairs
    title = f"Does {report.proxy} rank like {report.long}?"
    parts = [
        tag("h1", title),
        remark(f"{report.dataset}. {report.rule}. {_failures(report)}"),
        _tiles(report),
        tag("div", [_scatter(report, pairs), _ranks(report, pairs), _curves(report, pairs)], class_="charts"),
        _notes(report),
        section("Pairs", _pairs(pairs)),
    ]
    return page(title, parts)


def _failures(report: ValidationReport) -> str:
    if not report.failed:
        return f"All {report.chosen} long trials gave an accuracy"
    reasons = ", ".join(f"{times} {status}" for status, times in sorted(report.failed.items()))
    return f"{sum(report.failed.values())} of {report.chosen} long trials gave no accuracy: {reasons}"


def _tiles(report: ValidationReport) -> Markup:
    rho = report.correlation.rho
    facts = [
        (number(rho.value if rho else None, 2), "Spearman's rho", f"95%: {signed(rho)[5:]}" if rho else ""),
        (number(report.correlation.tau, 2), "Kendall's tau-b", f"p of rho {p_text(report.correlation.p)}"),
        (number(report.on_test.rho.value if report.on_test.rho else None, 2), "rho with the long test accuracy", ""),
        (count(report.correlation.n), "pairs", f"of {report.chosen} chosen"),
        (count(report.first_rank), "long rank of the proxy's first", f"costs {percent(report.regret, 2)} points"),
    ]
    return tiles(facts)


def _notes(report: ValidationReport) -> Markup | None:
    notes = {note for note in (report.correlation.note, report.on_test.note) if note}
    return tag("p", f"Beware: {'; '.join(sorted(notes))}.") if notes else None


def _scatter(report: ValidationReport, pairs: Sequence[ValidationPair]) -> Markup:
    points = [Point(pair.proxy, pair.long, hint=_hint(pair)) for pair in pairs]
    x, y = percent_axis(f"{report.proxy}: accuracy, %"), percent_axis(f"{report.long}: accuracy, %")
    band = Series("fit", accuracy_band(pairs), 0, dots=False)
    note = "validation split; line: least squares; band: its 95% (bootstrap)"
    return card("Accuracy", svg.line_chart([band, Series("", points, 0, line=False)], x, y), note)


def accuracy_band(pairs: Sequence[ValidationPair]) -> list[Point]:
    """Return the line through proxy and long accuracies with its 95% band; [] if no line can be fitted."""
    proxy = [pair.proxy for pair in pairs]
    if not pairs:
        return []
    low, high = min(proxy), max(proxy)
    at = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    line = bootstrap_line(proxy, [pair.long for pair in pairs], at)
    return [Point(x, y.value, low=y.low, high=y.high) for x, y in zip(at, line, strict=True)] if line else []


def _ranks(report: ValidationReport, pairs: Sequence[ValidationPair]) -> Markup:
    """Draw the ranks, of which rho is computed."""
    x, y = svg.Axis("rank by the proxy", whole=True), svg.Axis("long rank", whole=True, low=0, high=len(pairs) + 1)
    proxy, long = ranks([pair.proxy for pair in pairs]), ranks([pair.long for pair in pairs])
    points = [Point(a, b, hint=_hint(pair)) for a, b, pair in zip(proxy, long, pairs, strict=True)]
    band = Series("rho", rank_band(report, len(pairs)), 2, dots=False)
    note = "1 is the best; the line's slope is rho, the band's are the ends of its 95% interval"
    return card("Ranks", svg.line_chart([band, Series("", points, 2, line=False)], x, y), note)


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


def _curves(report: ValidationReport, pairs: Sequence[ValidationPair]) -> Markup | None:
    drawn = [
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
    if not drawn:
        return None
    chart = svg.line_chart(drawn, svg.Axis("epoch", whole=True), percent_axis("accuracy, %"))
    note = f"{report.long}: validation accuracy where a segment of the training ended"
    return card("Learning curves", chart, note, key=svg.legend(THIRDS))


def thirds(pairs: Sequence[ValidationPair]) -> dict[int, list[ValidationPair]]:
    """Return the pairs in three groups by proxy accuracy, best first, keyed by the group's colour in THIRDS."""
    ordered = sorted(pairs, key=lambda pair: (-pair.proxy, pair.candidate))
    cuts = pairwise(round(len(ordered) * part / len(THIRDS)) for part in range(len(THIRDS) + 1))
    return {colour: ordered[low:high] for colour, (low, high) in zip(THIRDS.values(), cuts, strict=True)}


def _hint(pair: ValidationPair) -> str:
    return f"{pair.candidate}: {percent(pair.proxy)} %, then {percent(pair.long)} %"


def _pairs(pairs: Sequence[ValidationPair]) -> Markup:
    head = ["network", "run", "proxy, %", "long, %", "long test, %", "parameters", "seconds"]
    ordered = sorted(pairs, key=lambda pair: (-pair.long, pair.candidate))
    return table(head, (_row(pair) for pair in ordered))


def _row(pair: ValidationPair) -> list[Content]:
    return [
        tag("span", pair.candidate, class_="mono"),
        pair.run,
        percent(pair.proxy, 2),
        percent(pair.long, 2),
        percent(pair.long_test, 2),
        count(pair.params),
        number(pair.seconds, 1),
    ]
