"""A validation as a page: accuracies, ranks and learning curves."""

from collections.abc import Sequence

from nnloop.report.headlines import of_validation
from nnloop.report.measures.validation import Validation, ValidationPair, ValidationReport, p_text
from nnloop.report.text import count, number, percent, signed
from nnloop.report.validation_panels import validation_panels
from nnloop.report.web.charts import card
from nnloop.report.web.html import Content, Markup, page, remark, section, table, tag, tiles


def validation_page(validation: Validation) -> str:
    """Return the page of a validation."""
    report, pairs = validation.report, validation.pairs
    title = f"Does {report.proxy} rank like {report.long}?"
    parts = [
        tag("h1", title),
        tag("p", of_validation(report), class_="headline"),
        remark(f"{report.dataset}. {report.rule}. {_failures(report)}"),
        _tiles(report),
        tag("div", map(card, validation_panels(validation)), class_="charts"),
        _notes(report),
        section("Pairs", _csv(validation), _pairs(pairs)),
    ]
    return page(title, parts)


def _csv(validation: Validation) -> Markup | None:
    """Return links to the tables beside the page."""
    names = [name for name in ("pairs.csv", "curves.csv") if (validation.folder / name).exists()]
    return remark("as CSV: ", ([tag("a", name, href=f"./{name}"), " "] for name in names)) if names else None


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
