"""Rows of a JSONL file that somebody else is writing, each given once, as they come."""

import errno
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from nnloop.runs import foreign

LOOK_BYTES = 32 << 20
"""The most that one look reads: a longer file takes several, and a longer line is an error."""


class Tail:
    """The place up to which a file was read; only whole lines are."""

    def __init__(self, path: Path, folder: Path) -> None:
        """`folder` is the run folder, out of which no link may lead."""
        self._path, self._folder = path, folder
        self._offset = self._inode = 0

    def rows(self) -> list[Any]:
        """Return the lines that came since the last look; a missing file has none.

        Raises OSError for a file that can't be read or was cut or replaced, and ValueError for a damaged line.
        """
        try:
            with foreign.open_plain(self._path, self._folder) as file:
                data = self._read(file)
        except FileNotFoundError:
            return []
        whole, newline, _torn = data.rpartition(b"\n")
        if not newline and len(data) == LOOK_BYTES:
            raise OSError(errno.EFBIG, f"has a line of more than {LOOK_BYTES >> 20} MiB", str(self._path))
        self._offset += len(whole) + len(newline)
        try:
            return [json.loads(line) for line in whole.split(b"\n") if line]
        except (ValueError, RecursionError):
            raise ValueError(f"{self._path}: has a damaged line") from None

    def _read(self, file: BinaryIO) -> bytes:
        about = os.fstat(file.fileno())
        if about.st_size < self._offset or self._inode not in (0, about.st_ino):
            raise OSError(errno.ESTALE, "was cut or replaced", str(self._path))
        self._inode = about.st_ino
        file.seek(self._offset)
        return file.read(LOOK_BYTES)
