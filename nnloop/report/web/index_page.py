"""The list of the runs of one name, as each search renews it at its end."""

import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from nnloop.measures import ADMITTED, BEST, MEAN, TOKENS, VALID
from nnloop.report.measures.protocols import by_protocol
from nnloop.report.measures.read import Run
from nnloop.report.text import count, duration, percent, shown
from nnloop.report.web.html import Content, page, remark, section, table, tag

_HEAD = (
    *("run", BEST.heading, f"{MEAN.heading}, last cycle", f"{VALID.heading}, last cycle"),
    *(ADMITTED.heading, TOKENS.heading, "cycles", "time"),
)


def index_page(runs: Sequence[Run], folder: Path, left_out: Sequence[str] = ()) -> str:
    """Return the page of the runs in a folder, a table a protocol, from their settings and cycle reports alone.

    `left_out` holds the reasons why runs could not be read, each with the run's name.
    """
    name = folder.resolve().name
    title = tag("h1", f"{name}: {len(runs)} run{'s' if len(runs) != 1 else ''}")
    command = remark(tag("code", f"python -m nnloop job=report runs={folder}"), " compares them.")
    tables = [section(words, table(_HEAD, map(_row, members))) for words, members in by_protocol(runs).items()]
    return page(name, [title, command, *tables], [remark("left out: ", reason) for reason in left_out])


def _link(run: Run) -> str | None:
    return urllib.parse.quote(f"./{run.name}/{run.page.name}") if run.page.exists() else None


def _row(run: Run) -> list[Content]:
    reports = run.reports
    accuracies = [report.best_accuracy for report in reports if report.best_accuracy is not None]
    return [
        tag("a" if run.page.exists() else "span", run.name, href=_link(run), class_="name"),
        percent(max(accuracies, default=None), BEST.digits),
        *(shown(measure, measure.of_cycle(reports[-1]) if reports else None) for measure in (MEAN, VALID)),
        count(sum(report.counts.admitted for report in reports)),
        count(sum(report.costs.tokens for report in reports)),
        f"{len(reports)} of {run.setting('cycles', '?')}",
        duration(run.seconds),
    ]
