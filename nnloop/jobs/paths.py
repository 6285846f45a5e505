"""Paths that a command line names."""

import glob
from pathlib import Path


def matches(pattern: str) -> list[Path]:
    """Return the path of this very name, such as net[1].py; if there is none, the paths that match the glob."""
    if Path(pattern).exists():
        return [Path(pattern)]
    return sorted(map(Path, glob.glob(pattern, recursive=True)))
