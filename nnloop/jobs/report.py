"""job=report: the pages, tables and figures of runs and validations, from their folders or their summaries."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from nnloop.errors import RunFolderError
from nnloop.jobs.paths import matches, run_folders
from nnloop.report import figures, read_each, tables, write_overview, write_run_page, write_validation
from nnloop.report.measures import packs, summaries, validation
from nnloop.report.measures.compare import Comparison
from nnloop.report.measures.packs import PACKED, write_document, write_pack
from nnloop.report.measures.read import Run
from nnloop.report.measures.summaries import summary
from nnloop.report.measures.validation import Validation, read_validations
from nnloop.runs import foreign
from nnloop.settings import ReportJobSettings, Settings


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Write each run's and validation's report.html into its folder, tables and figures into report/ beside it.

    Prints the page about all runs, or each validation's page if there are no runs. The page names the runs that can't
    be read. Raises RunFolderError if no run can be read, or if summaries are wanted and one run can't be read.
    """
    assert isinstance(settings.job, ReportJobSettings)
    validations = find_validations(str(settings.runs))
    pages = [write_validation(validation) for validation in validations]
    paths = find_runs(str(settings.runs), none_is_fine=bool(pages))
    readable = read_each(paths)
    runs = readable.runs
    if readable.errors and (settings.summaries is not None or not runs):
        raise readable.errors[0]
    for one in runs:
        _check_place(one)
        write_extras(one)  # before the page, which links them
        write_run_page(one)
        pages.append(one.page)
    save_summaries(runs, validations, settings.summaries)
    if max(len(runs), len(paths)) > 1:
        pages.append(common_folder([one.path for one in runs]) / "report.html")
        write_overview(
            readable,
            pages[-1],
            last=settings.job.last_cycles,
            baseline=settings.job.baseline,
            write_tables=partial(write_overview_extras, beside=pages[-1].with_suffix("")),
        )
    print(*(pages[-1:] if runs else pages), sep="\n", file=out)


def _check_place(run: Run) -> None:
    """Raise RunFolderError if the run's folder is made so that its tables would be written to another place."""
    try:
        foreign.check_inside(run.page.with_suffix(""), run.page.parent)
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}") from None


def save_summaries(runs: Sequence[Run], validations: Sequence[Validation], wanted: str | None) -> None:
    """Write all summaries to a pack, or the run folders' summaries to a folder; `wanted` None: write nothing."""
    if wanted is not None and wanted.endswith(PACKED):
        write_pack(Path(wanted), [summary(one) for one in runs] + [one.document for one in validations])
    elif wanted is not None:
        for one in runs:
            save_summary(one, wanted)


def save_summary(run: Run, folder: str | None) -> None:
    """Write the run's summary to `folder`; None: write nothing. A run read from a summary is not written again."""
    if folder is not None and run.folder is not None:
        write_document(Path(folder) / f"{packs.plain(run.name)}.json", summary(run))


def write_extras(run: Run) -> None:
    """Write a run's tables (CSV, LaTeX) and its figure (PNG, SVG)."""
    beside = run.page.with_suffix("")
    tables.write_cycles(run, beside)
    for suffix in ("png", "svg"):
        figures.figure(run, beside / f"figure.{suffix}")


def write_overview_extras(comparisons: Sequence[Comparison], beside: Path) -> None:
    """Write tables and figures for each protocol: accuracies of two protocols never share a table or an axis."""
    for number, comparison in enumerate(comparisons, 1):
        tables.write_runs(comparison.runs, beside, number)
        tables.write_comparison(comparison, beside, number)
        for suffix in ("png", "svg"):
            figures.by_cycle(comparison, beside / f"by-cycle-{number}.{suffix}")
            if comparison.differences:
                figures.differences(comparison, beside / f"differences-{number}.{suffix}")


def find_validations(pattern: str) -> list[Validation]:
    """Return the validations in the files that a path or glob names, or in folders below."""
    paths = sorted({file for match in matches(pattern) for file in packs.files(match)})
    return [one for path in paths if packs.holds(path, validation.MARK) for one in read_validations(path)]


def find_runs(pattern: str, none_is_fine: bool = False) -> list[Path]:
    """Return the run folders and summaries that a path or glob names, and those up to two levels below it.

    Raises RunFolderError if there is none.
    """
    paths, named = {*run_folders(pattern)}, matches(pattern)
    for match in named:
        paths |= {file for file in packs.files(match) if packs.holds(file, summaries.MARK)}
    if not named:
        raise RunFolderError(f"runs={pattern}: no such folder")
    if not paths and not none_is_fine:
        raise RunFolderError(f"runs={pattern}: no run folder there (none holds a run.json) and no run summary")
    return sorted(paths)


def common_folder(paths: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all paths."""
    parents = [path.resolve().parents for path in paths]
    return next(parent for parent in parents[0] if all(parent in others for others in parents))
