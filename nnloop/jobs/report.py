"""job=report: the page, tables and figures of one run or of a folder of runs."""

import glob
from pathlib import Path
from typing import TextIO

from nnloop.errors import RunFolderError
from nnloop.report import comparison, figure, tables, write_report
from nnloop.report.read import Run, by_protocol, read
from nnloop.rundir import RunDir
from nnloop.settings import Settings


def run(settings: Settings, out: TextIO) -> None:
    """Write report.html beside what it is about, tables and figures into report/; print the page's path.

    Raises RunFolderError.
    """
    folders = find_runs(str(settings.runs))
    for folder in folders:
        write_report([folder], RunDir(folder).page)
        write_extras(folder)
    page = RunDir(folders[0]).page
    if len(folders) > 1:
        page = common_folder(folders) / "report.html"
        write_report(folders, page)
        write_overview_extras([read(folder) for folder in folders], page.with_suffix(""))
    print(page, file=out)


def write_extras(folder: Path) -> None:
    """Write a run's tables (CSV, LaTeX) and its figure (PNG, SVG)."""
    beside = RunDir(folder).page.with_suffix("")
    tables.write_cycles(read(folder), beside)
    for suffix in ("png", "svg"):
        figure(folder, beside / f"figure.{suffix}")


def write_overview_extras(runs: list[Run], beside: Path) -> None:
    """Write the table of all runs, and a figure for each protocol: accuracies of two never share an axis."""
    tables.write_runs(runs, beside)
    for number, (protocol, members) in enumerate(by_protocol(runs).items(), 1):
        for suffix in ("png", "svg"):
            comparison(members, protocol, beside / f"comparison-{number}.{suffix}")


def find_runs(pattern: str) -> list[Path]:
    """The run folders that a path or glob names: themselves, or one or two levels below. Raises RunFolderError."""
    found: set[Path] = set()
    matches = [Path(match) for match in sorted(glob.glob(pattern))]
    for match in matches:
        found |= {meta.parent for level in ("", "*/", "*/*/") for meta in match.glob(f"{level}run.json")}
    if not matches:
        raise RunFolderError(f"runs={pattern}: no such folder")
    if not found:
        raise RunFolderError(f"runs={pattern}: no run folder there (none holds a run.json)")
    return sorted(found)


def common_folder(folders: list[Path]) -> Path:
    """The deepest folder that holds all of them."""
    parents = [folder.resolve().parents for folder in folders]
    return next(parent for parent in parents[0] if all(parent in others for others in parents))
