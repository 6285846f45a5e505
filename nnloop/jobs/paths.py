"""Paths that a command line names."""

import glob
from pathlib import Path


def run_folders(pattern: str) -> list[Path]:
    """Return the run folders that a path or glob names, and those up to two levels below it."""
    levels = ("", "*/", "*/*/")
    return sorted(
        {meta.parent for one in matches(pattern) for level in levels for meta in one.glob(f"{level}run.json")}
    )


def matches(pattern: str) -> list[Path]:
    """Return the path of this very name, such as net[1].py; if there is none, the paths that match the glob."""
    if Path(pattern).exists():
        return [Path(pattern)]
    return sorted(map(Path, glob.glob(pattern, recursive=True)))
