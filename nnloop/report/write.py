"""Write reports: one page per run, and an overview where there are several runs."""

from collections.abc import Sequence
from pathlib import Path

from nnloop.report.page import run_page
from nnloop.report.read import read
from nnloop.rundir import write_text


def write_report(run_folders: Sequence[Path], out: Path) -> None:
    """Write one page to `out`: of the run if there is one folder, else an overview that links to the pages of all.

    The same folders give the same bytes. Raises RunFolderError for a folder that is no run.
    """
    runs = [read(folder) for folder in sorted(run_folders)]
    if len(runs) == 1:
        write_text(out, run_page(runs[0]))
        return
    raise NotImplementedError
