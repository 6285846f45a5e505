"""Several searches on one page: a row per run, and the comparison of their arms.

Runs stand together only if they have the same dataset and protocol: accuracies of others say nothing about them.
"""

import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from nnloop import measures
from nnloop.errors import RunFolderError
from nnloop.report.headlines import of_comparison
from nnloop.report.measures import packs
from nnloop.report.measures.compare import Comparison
from nnloop.report.measures.read import Run
from nnloop.report.measures.validation import MARK, correlation_text, read_validations
from nnloop.report.text import duration, shown
from nnloop.report.web.arms_section import arms_section
from nnloop.report.web.html import Content, Markup, estimate, page, remark, section, table, tag
from nnloop.report.web.published_section import published_section
from nnloop.report.web.scripts import script
from nnloop.report.web.tokens_section import tokens_section

_SHOWN = (
    *(measures.MEAN, measures.VALID, measures.INCUMBENT, measures.TEST_OF_INCUMBENT, measures.BEST),
    *(measures.TEST_OF_BEST, measures.ABOVE, measures.ADMITTED),
    *(measures.DISTINCT, measures.TOKENS_EACH, measures.LINES_EACH, measures.TOKENS),
)


def overview_page(
    runs: Sequence[Run], comparisons: Sequence[Comparison], *, out: Path, left_out: Sequence[str] = ()
) -> str:
    """Return the page of several runs that will be written to `out`, with one section a protocol.

    `left_out` holds the reasons why folders could not be read, each with the folder's name.
    """
    title = f"{out.resolve().parent.name}: {len(runs)} run{'s' if len(runs) != 1 else ''}"
    sections: list[Content] = [tag("h1", title)]
    if len(comparisons) > 1:
        sections.append(remark("Runs of different protocols stand apart: never compare their accuracies."))
    sections += [_protocol(comparison, out) for comparison in comparisons]
    sections += [_validations(out), _csv(out)]
    sections += [tag("h2", "Behind the numbers"), published_section(runs)]
    sections += [remark("left out: ", reason) for reason in left_out]
    return page(title, sections, script=script("legend"))


def _protocol(comparison: Comparison, out: Path) -> Markup:
    runs = comparison.runs
    balance = next((run.balance for run in runs if run.balance), None)
    arms = (arms_section(comparison), tag("h3", "Runs")) if len(runs) > 1 else None
    outdated = runs[0].outdated  # runs of one comparison share their digest
    parts = [
        tag("p", of_comparison(comparison), class_="headline"),
        remark(outdated) if outdated else None,
        remark(balance) if balance else None,
        arms,
        _runs_table(runs, out),
        tokens_section(runs),
    ]
    return section(comparison.protocol, parts)


def _validations(out: Path) -> Markup | None:
    """Return the results of the job=validate runs that lie beside the page; None without any."""
    rows = []
    for path in packs.files(out.resolve().parent):
        try:
            validations = read_validations(path) if packs.holds(path, MARK) else []
        except RunFolderError:
            continue  # of another version
        for one in validations:
            report, name = one.report, tag("a", one.folder.name, href=_link(one.folder / "validation.html", out))
            rho = correlation_text(report.correlation)
            rows.append([name, report.dataset, report.proxy, report.long, rho, report.rule])
    if not rows:
        return None
    head = ["validation", "dataset", "proxy", "long", "Spearman's rho with its 95% interval", "chosen"]
    return section("Does the proxy rank?", table(head, rows))


def _runs_table(runs: Sequence[Run], out: Path) -> Markup:
    head = ["run", *(measure.heading for measure in _SHOWN), "cycles", "time"]
    rows: list[list[Content]] = [
        [
            _named(run, out),
            *(estimate(shown(measure, run.of(measure))) for measure in _SHOWN),
            f"{len(run.reports)} of {run.setting('cycles', '?')}",
            duration(run.seconds),
        ]
        for run in runs
    ]
    return table(head, rows)


def _named(run: Run, out: Path) -> Markup:
    """Return a run's name, as a link if its page is there."""
    return tag(
        "a" if run.page.exists() else "span",
        run.name,
        href=_link(run.page, out) if run.page.exists() else None,
        class_="name",
    )


def _csv(out: Path) -> Markup | None:
    """Return links to the tables that lie beside the page."""
    files = sorted(out.with_suffix("").glob("*.csv"))
    links = ([tag("a", file.name, href=_link(file, out)), " "] for file in files)
    return remark("tables as CSV: ", links) if files else None


def _link(page: Path, out: Path) -> str:
    """Return the address of another page relative to `out`; a run's name can't become another kind of address."""
    return urllib.parse.quote(os.path.relpath(page.resolve(), out.resolve().parent))
