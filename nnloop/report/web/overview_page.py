"""Several searches on one page: a row per run, and what their arms show against each other.

Runs stand together only where dataset and proxy agree: accuracies of different protocols say nothing about each other.
"""

import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from nnloop.errors import RunFolderError
from nnloop.report.measures import packs
from nnloop.report.measures.compare import Comparison
from nnloop.report.measures.read import Run
from nnloop.report.measures.validation import MARK, correlation_text, read_validations
from nnloop.report.text import count, duration, interval, number, percent
from nnloop.report.web.arms_section import arms_section
from nnloop.report.web.html import Content, Markup, page, table, tag
from nnloop.report.web.published import published_section
from nnloop.report.web.run_page import STYLE
from nnloop.report.web.tokens_section import tokens_section


def overview_page(
    runs: Sequence[Run], comparisons: Sequence[Comparison], out: Path, left_out: Sequence[str] = ()
) -> str:
    """One section a protocol; `left_out` names folders that could not be read, with the reason."""
    title = f"{out.resolve().parent.name}: {len(runs)} run{'s' if len(runs) != 1 else ''}"
    sections: list[Content] = [tag("h1", title)]
    if len(comparisons) > 1:
        sections.append(
            tag("p", "Runs of different protocols stand apart: never compare their accuracies.", class_="sub")
        )
    sections += [_protocol(found, out) for found in comparisons]
    sections.append(_validations(out.resolve().parent))
    sections += [tag("h2", "Behind the numbers"), published_section()]
    sections += [tag("p", "left out: ", reason, class_="sub") for reason in left_out]
    return page(f"{title} - nnloop", tag("main", sections), STYLE.read_text())


def _protocol(found: Comparison, out: Path) -> Markup:
    rows, tokens = _runs_table(found, out), tokens_section(found.runs)
    balance = next((run.balance for run in found.runs if run.balance), None)
    head = (tag("h2", found.protocol), tag("p", balance, class_="sub") if balance else None)
    if len(found.runs) == 1:
        return tag("section", head, rows, tokens)
    return tag("section", head, arms_section(found), tag("h3", "Runs"), rows, tokens)


def _validations(folder: Path) -> Markup | None:
    """What the job=validate runs beside these searches found."""
    rows = []
    for path in packs.files(folder):
        try:
            validations = read_validations(path) if packs.holds(path, MARK) else []
        except RunFolderError:
            continue  # of another version
        for one in validations:
            page, report = one.folder / "validation.html", one.report
            name = tag("a", one.folder.name, href=urllib.parse.quote(os.path.relpath(page, folder)))
            found = correlation_text(report.correlation)
            rows.append([name, report.dataset, report.proxy, report.long, found, report.rule])
    if not rows:
        return None
    head = ["validation", "dataset", "proxy", "long", "Spearman's rho with its 95% interval", "chosen"]
    return tag("section", tag("h2", "Does the proxy rank?"), table(head, rows))


def _runs_table(found: Comparison, out: Path) -> Markup:
    head = [
        *("run", "cycles", "valid, %", "mean, %", "best, %", "its test, %", "above, %", "admitted", "distinct"),
        *("tokens each", "lines each", "tokens", "time"),
    ]
    return table(head, (_run_row(run, out) for run in found.runs))


def _run_row(run: Run, out: Path) -> list[Content]:
    found = run.figures
    return [
        tag("a", run.name, href=link(run, out), class_="name"),
        f"{len(run.reports)} of {run.setting('cycles', '?')}",
        interval(found.valid),
        interval(found.mean),
        percent(found.best, 2),
        percent(found.best_test, 2),
        interval(found.share_above),
        count(found.admitted),
        count(found.distinct),
        number(found.mean_tokens, 0),
        number(found.mean_lines, 1),
        count(found.tokens),
        duration(found.seconds),
    ]


def link(run: Run, out: Path) -> str:
    """Where the run's own page lies, relative to `out`; a name can't become another kind of address."""
    path = os.path.relpath(run.page.resolve(), out.resolve().parent)
    return urllib.parse.quote(path, safe="/")
