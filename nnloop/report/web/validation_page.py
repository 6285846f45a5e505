"""A validation as a page: accuracies, ranks and learning curves."""

from collections.abc import Sequence
from itertools import pairwise

from nnloop.report.measures.validation import Validation, ValidationPair, ValidationReport, p_text
from nnloop.report.text import count, number, percent, signed
from nnloop.report.web import svg
from nnloop.report.web.charts import card, percent_axis
from nnloop.report.web.html import Content, Markup, page, table, tag
from nnloop.report.web.run_page import STYLE
from nnloop.report.web.svg import Point, Series
from nnloop.stats import bootstrap_line

THIRDS = {"first third by the proxy": 0, "second": 6, "last": 1}
"""Learning curves in groups that a chart can tell apart, with their colours."""
_STEPS = 24  # places at which a band's edge is computed


def validation_page(validation: Validation) -> str:
    """Return the page of a validation."""
    found, pairs = validation.report, validation.pairs
    title = f"Does {found.proxy} rank like {found.long}?"
    sections: list[Content] = [
        tag("h1", title),
        tag("p", f"{found.dataset}. {found.rule}. {_failures(found)}", class_="sub"),
        _tiles(found),
        tag("div", _scatter(found, pairs), _ranks(found, pairs), _curves(found, pairs), class_="charts"),
        _notes(found),
        tag("section", tag("h2", "Pairs"), _pairs(pairs)),
    ]
    return page(f"{title} - nnloop", tag("main", sections), STYLE.read_text())


def _failures(found: ValidationReport) -> str:
    if not found.failed:
        return f"All {found.chosen} long trials gave an accuracy"
    reasons = ", ".join(f"{times} {status}" for status, times in sorted(found.failed.items()))
    return f"{sum(found.failed.values())} of {found.chosen} long trials gave no accuracy: {reasons}"


def _tiles(found: ValidationReport) -> Markup:
    rho = found.correlation.rho
    tiles = [
        (number(rho.value if rho else None, 2), "Spearman's rho", f"95%: {signed(rho)[5:]}" if rho else ""),
        (number(found.correlation.tau, 2), "Kendall's tau-b", f"p of rho {p_text(found.correlation.p)}"),
        (number(found.on_test.rho.value if found.on_test.rho else None, 2), "rho with the long test accuracy", ""),
        (count(found.correlation.n), "pairs", f"of {found.chosen} chosen"),
        (count(found.first_rank), "long rank of the proxy's first", f"costs {percent(found.regret, 2)} points"),
    ]
    boxes = (tag("div", tag("b", value), name, tag("span", note), class_="tile") for value, name, note in tiles)
    return tag("div", boxes, class_="tiles")


def _notes(found: ValidationReport) -> Markup | None:
    notes = {note for note in (found.correlation.note, found.on_test.note) if note}
    return tag("p", "Beware: ", "; ".join(sorted(notes)), ".") if notes else None


def _scatter(found: ValidationReport, pairs: Sequence[ValidationPair]) -> Markup:
    points = [Point(pair.proxy, pair.long, hint=_hint(pair)) for pair in pairs]
    x, y = percent_axis(f"{found.proxy}: accuracy, %"), percent_axis(f"{found.long}: accuracy, %")
    band = Series("fit", accuracy_band(pairs), 0, dots=False)
    note = "validation split; line: least squares; band: its 95% (bootstrap)"
    return card("Accuracy", svg.line_chart([band, Series("", points, 0, line=False)], x, y), note)


def accuracy_band(pairs: Sequence[ValidationPair]) -> list[Point]:
    """The line through proxy and long accuracies; nothing where there is none."""
    proxy = [pair.proxy for pair in pairs]
    if not pairs:
        return []
    low, high = min(proxy), max(proxy)
    at = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    line = bootstrap_line(proxy, [pair.long for pair in pairs], at)
    return [Point(x, one.value, one.low, one.high) for x, one in zip(at, line, strict=True)] if line else []


def _ranks(found: ValidationReport, pairs: Sequence[ValidationPair]) -> Markup:
    """Ranks are what rho sees; 1 is the best, ties share their mean rank."""
    x, y = svg.Axis("rank by the proxy", whole=True), svg.Axis("long rank", whole=True, low=0, high=len(pairs) + 1)
    proxy, long = ranks([pair.proxy for pair in pairs]), ranks([pair.long for pair in pairs])
    points = [Point(a, b, hint=_hint(pair)) for a, b, pair in zip(proxy, long, pairs, strict=True)]
    band = Series("rho", rank_band(found, len(pairs)), 2, dots=False)
    note = "1 is the best; the line's slope is rho, the band's are the ends of its 95% interval"
    return card("Ranks", svg.line_chart([band, Series("", points, 2, line=False)], x, y), note)


def rank_band(found: ValidationReport, n: int) -> list[Point]:
    """Spearman's rho is the slope of the line through the ranks: it and its interval as lines through their middle."""
    rho, middle = found.correlation.rho, (n + 1) / 2
    if rho is None:
        return []
    slopes = (rho.value, rho.low, rho.high)
    at = [1 + (n - 1) * step / _STEPS for step in range(_STEPS + 1)]
    lines = [[middle + slope * (x - middle) for slope in slopes] for x in at]
    return [Point(x, ys[0], min(ys[1:]), max(ys[1:])) for x, ys in zip(at, lines, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    return [1 + sum(v > value for v in values) + (sum(v == value for v in values) - 1) / 2 for value in values]


def _curves(found: ValidationReport, pairs: Sequence[ValidationPair]) -> Markup | None:
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
    note = f"{found.long}: validation accuracy where a leg of the training ended"
    return card("Learning curves", chart, note, svg.legend(list(THIRDS), list(THIRDS.values())))


def thirds(pairs: Sequence[ValidationPair]) -> dict[int, list[ValidationPair]]:
    """Pairs in three groups by proxy accuracy, best first, by the group's colour."""
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
