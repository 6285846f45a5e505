"""Writing of pages: one for each run, an overview of several, and one for each validation."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnloop.errors import RunFolderError
from nnloop.report import figures
from nnloop.report.measures import validation as validations
from nnloop.report.measures.compare import Comparison, compare
from nnloop.report.measures.protocols import by_protocol
from nnloop.report.measures.read import Run, read_all, read_reports
from nnloop.report.measures.validation import Validation
from nnloop.report.web.index_page import index_page
from nnloop.report.web.overview_page import overview_page
from nnloop.report.web.run_page import run_page
from nnloop.report.web.text_store import BlockCache
from nnloop.report.web.validation_page import validation_page
from nnloop.runs.durable import write_text

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """The runs of some paths, and the errors of the runs that can't be read."""

    runs: list[Run]
    errors: list[RunFolderError]


def read_each(paths: Sequence[Path], read: Callable[[Path], list[Run]] = read_all) -> ReadRuns:
    """Read the runs of the paths, in their order; log the errors."""
    readable = ReadRuns([], [])
    for path in sorted(paths):
        try:
            readable.runs.extend(read(path))
        except RunFolderError as error:
            log.warning("%s", error)
            readable.errors.append(error)
    return readable


def write_run_page(run: Run, cache: BlockCache | None = None) -> None:
    """Write the page of one run to its place, its open cycle included; an ended run gives the same bytes each time.

    `cache` keeps parts of a running search's page for the next one.
    """
    run.page.parent.mkdir(parents=True, exist_ok=True)
    write_text(run.page, run_page(run.so_far, BlockCache() if cache is None else cache))


def write_index(folder: Path) -> None:
    """Write the list of the runs in a folder to its index.html, from their settings and cycle reports alone.

    It costs little whatever the number of runs, and compares nothing: job=report does, in report.html. Runs without a
    closed cycle are left out; the page names the runs that could not be read.
    """
    readable = read_each([meta.parent for meta in folder.glob("*/run.json")], read_reports)
    closed = [run for run in readable.runs if run.reports]
    write_text(folder / "index.html", index_page(closed, folder, list(map(str, readable.errors))))


def write_overview(
    readable: ReadRuns,
    out: Path,
    *,
    last: int | None = None,
    baseline: str | None = None,
    write_tables: Callable[[Sequence[Comparison]], None] = lambda _: None,
) -> list[Comparison]:
    """Write the page of several runs to `out`, with links to their own pages, and return its comparisons.

    The page names the runs that could not be read. `last` and `baseline` are compare's; `write_tables` is called before
    the page is written, which links the tables beside it. Raises RunFolderError if no arm
    is the `baseline`.
    """
    runs = [run for run in readable.runs if run.reports] or readable.runs
    groups = by_protocol(runs)
    comparisons = [compare(members, protocol, last, baseline=baseline) for protocol, members in groups.items()]
    write_tables(comparisons)
    write_text(out, overview_page(runs, comparisons, out=out, left_out=list(map(str, readable.errors))))
    return comparisons


def write_validation(validation: Validation) -> Path:
    """Write the page, tables and pictures of a validation; return the page's path."""
    folder = validation.folder
    folder.mkdir(parents=True, exist_ok=True)
    validations.write_tables(validation.pairs, folder)
    for suffix in ("png", "svg"):
        figures.validation(validation, folder / f"validation.{suffix}")
    out = folder / "validation.html"
    write_text(out, validation_page(validation))
    return out
