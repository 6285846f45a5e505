"""How well the short protocol ranks networks: pairs of proxy and long accuracy, and what they show.

Everything is within one dataset and one pair of protocols. The selection rule is part of the result, because it decides
what can be seen: the top of an archive lies so close together that it can't show a ranking.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnloop.durable import write_json, write_text
from nnloop.records import Interval, Record
from nnloop.report import svg
from nnloop.report.charts import card, percent_axis
from nnloop.report.html import Content, Markup, page, table, tag
from nnloop.report.page import STYLE
from nnloop.report.svg import Point, Series
from nnloop.report.text import count, number, percent
from nnloop.stats import Correlation, spearman


@dataclass(frozen=True, slots=True)
class Pair(Record):
    """One network under both protocols; accuracies are on the validation split, `long_test` on the test set."""

    run: str
    candidate: str
    proxy: float
    long: float
    long_test: float | None
    params: int | None
    seconds: float  # of the long trial


@dataclass(frozen=True, slots=True)
class ValidationReport(Record):
    """The result of a job=validate; `correlation` is of proxy and long accuracy on the validation split."""

    dataset: str
    proxy: str  # protocol that chose
    long: str  # protocol that validates
    rule: str  # how the networks were chosen, in words
    chosen: int
    failed: dict[str, int]  # long trials that gave no accuracy, by status
    correlation: Correlation
    on_test: Correlation  # of proxy accuracy and long accuracy on the test set
    first_rank: int | None  # place in the long ranking of the network that the proxy puts first
    regret: float | None  # long accuracy that following the proxy's first choice costs


def study(
    pairs: Sequence[Pair], dataset: str, proxy: str, long: str, rule: str, chosen: int, failed: dict[str, int]
) -> ValidationReport:
    tested = [(pair.proxy, pair.long_test) for pair in pairs if pair.long_test is not None]
    first = max(pairs, key=lambda pair: pair.proxy, default=None)
    best = max((pair.long for pair in pairs), default=None)
    return ValidationReport(
        dataset=dataset,
        proxy=proxy,
        long=long,
        rule=rule,
        chosen=chosen,
        failed=failed,
        correlation=spearman([pair.proxy for pair in pairs], [pair.long for pair in pairs]),
        on_test=spearman([proxy for proxy, _ in tested], [long for _, long in tested]),
        first_rank=1 + sum(pair.long > first.long for pair in pairs) if first else None,
        regret=best - first.long if first and best is not None else None,
    )


def write_validation(found: ValidationReport, pairs: Sequence[Pair], folder: Path) -> Path:
    """Write validation.json, pairs.csv and the page; return the page's path."""
    write_json(folder / "validation.json", found.to_json())
    write_text(folder / "pairs.csv", _csv(pairs))
    out = folder / "validation.html"
    write_text(out, validation_page(found, pairs))
    return out


def validation_page(found: ValidationReport, pairs: Sequence[Pair]) -> str:
    title = f"Does {found.proxy} rank like {found.long}?"
    sections: list[Content] = [
        tag("h1", title),
        tag("p", f"{found.dataset}. {found.rule}. {_failures(found)}", class_="sub"),
        _tiles(found),
        tag("div", _scatter(found, pairs), _ranks(pairs), class_="charts"),
        _notes(found),
        tag("section", tag("h2", "Pairs"), _pairs(pairs)),
    ]
    return page(f"{title} - nnloop", tag("main", sections), STYLE.read_text())


def correlation_text(found: Correlation) -> str:
    """rho 0.64 [0.31, 0.85], p 0.003, n 20; or why there is none."""
    if found.rho is None:
        return found.note
    rho = f"rho {_signed(found.rho)}, p {_p(found.p)}, n {found.n}"
    return f"{rho} ({found.note})" if found.note else rho


def _signed(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _p(value: float | None) -> str:
    return number(value) if value is None or value >= 0.001 else f"{value:.0e}"


def _failures(found: ValidationReport) -> str:
    if not found.failed:
        return f"All {found.chosen} long trials gave an accuracy"
    reasons = ", ".join(f"{times} {status}" for status, times in sorted(found.failed.items()))
    return f"{sum(found.failed.values())} of {found.chosen} long trials gave no accuracy: {reasons}"


def _tiles(found: ValidationReport) -> Markup:
    rho = found.correlation.rho
    tiles = [
        (number(rho.value if rho else None, 2), "Spearman's rho", f"95%: {_signed(rho)[5:]}" if rho else ""),
        (number(found.correlation.tau, 2), "Kendall's tau-b", f"p of rho {_p(found.correlation.p)}"),
        (number(found.on_test.rho.value if found.on_test.rho else None, 2), "rho with the long test accuracy", ""),
        (count(found.correlation.n), "pairs", f"of {found.chosen} chosen"),
        (count(found.first_rank), "long rank of the proxy's first", f"costs {percent(found.regret, 2)} points"),
    ]
    boxes = (tag("div", tag("b", value), name, tag("span", note), class_="tile") for value, name, note in tiles)
    return tag("div", boxes, class_="tiles")


def _notes(found: ValidationReport) -> Markup | None:
    notes = {note for note in (found.correlation.note, found.on_test.note) if note}
    return tag("p", "Beware: ", "; ".join(sorted(notes)), ".") if notes else None


def _scatter(found: ValidationReport, pairs: Sequence[Pair]) -> Markup:
    points = [Point(pair.proxy, pair.long, hint=_hint(pair)) for pair in pairs]
    x, y = percent_axis(f"{found.proxy}: accuracy, %"), percent_axis(f"{found.long}: accuracy, %")
    return card("Accuracy", svg.line_chart([Series("", points, 0, line=False)], x, y), "validation split")


def _ranks(pairs: Sequence[Pair]) -> Markup:
    """Ranks are what rho sees; 1 is the best, ties share their mean rank."""
    x, y = svg.Axis("rank by the proxy", whole=True), svg.Axis("long rank", whole=True)
    proxy, long = _rank([pair.proxy for pair in pairs]), _rank([pair.long for pair in pairs])
    points = [Point(a, b, hint=_hint(pair)) for a, b, pair in zip(proxy, long, pairs, strict=True)]
    return card("Ranks", svg.line_chart([Series("", points, 1, line=False)], x, y), "1 is the best")


def _rank(values: Sequence[float]) -> list[float]:
    return [1 + sum(v > value for v in values) + (sum(v == value for v in values) - 1) / 2 for value in values]


def _hint(pair: Pair) -> str:
    return f"{pair.candidate}: {percent(pair.proxy)} %, then {percent(pair.long)} %"


def _pairs(pairs: Sequence[Pair]) -> Markup:
    head = ["network", "run", "proxy, %", "long, %", "long test, %", "parameters", "seconds"]
    ordered = sorted(pairs, key=lambda pair: (-pair.long, pair.candidate))
    return table(head, (_row(pair) for pair in ordered))


def _row(pair: Pair) -> list[Content]:
    return [
        tag("span", pair.candidate, class_="mono"),
        pair.run,
        percent(pair.proxy, 2),
        percent(pair.long, 2),
        percent(pair.long_test, 2),
        count(pair.params),
        number(pair.seconds, 1),
    ]


def _csv(pairs: Sequence[Pair]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, Pair.__slots__, lineterminator="\n")
    writer.writeheader()
    writer.writerows(pair.to_json() for pair in pairs)
    return out.getvalue()
