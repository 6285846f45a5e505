"""Write reports: one page per run, and an overview where there are several runs."""

import logging
from collections.abc import Sequence
from pathlib import Path

from nnloop.errors import RunFolderError
from nnloop.report.overview import overview_page
from nnloop.report.page import run_page
from nnloop.report.read import Run, read
from nnloop.rundir import write_text

log = logging.getLogger(__name__)


def write_report(run_folders: Sequence[Path], out: Path) -> None:
    """Write one page to `out`: of the run that `out` lies in, else an overview that links to the pages of all runs.

    The same folders give the same bytes. Raises RunFolderError where no folder can be read; an overview leaves single
    ones out and says so.
    """
    if len(run_folders) == 1 and out.resolve().parent == run_folders[0].resolve():
        write_text(out, run_page(read(run_folders[0])))
        return
    runs, left_out = _read_all(run_folders)
    write_text(out, overview_page(runs, out, left_out))


def _read_all(run_folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    runs, errors = [], []
    for folder in sorted(run_folders):
        try:
            runs.append(read(folder))
        except RunFolderError as error:
            log.warning("%s", error)
            errors.append(str(error))
    if errors and not runs:
        raise RunFolderError(errors[0])
    return runs, errors
