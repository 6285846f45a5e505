"""Files that survive a kill and a power loss: whole-file replacement, and append-only JSONL journals.

Data handed to the kernel survive a kill of the process; fsynced data survive a power loss too. An incomplete last line
is dropped when a journal is opened for writing. A full or read-only disk raises RunFolderError, and leaves every file
as it was before the call.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.runs import foreign

SYNC_S = 1.0  # a journal is fsynced at most once in this time, unless it is asked to


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step that survives a power loss. Raises RunFolderError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with _one_line(path):
        try:
            beside.unlink(missing_ok=True)  # what lies there may be a link that leads elsewhere
            _write(beside, text)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_json(path: Path, data: Any) -> None:
    """Replace a file by indented JSON, as `write_text` does. Raises RunFolderError, ValueError for nan."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def write_new(path: Path, text: str) -> None:
    """Write a file that nobody reads until another file names it. Its folder is not synced."""
    with _one_line(path):
        path.unlink(missing_ok=True)
        _write(path, text)


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make all files below a folder durable, with their names."""
    for path in [*folder.rglob("*"), folder]:
        sync_folder(path)  # a file is opened and synced like a folder


def make_folder(path: Path) -> None:
    """Create a folder with its parents, each durable in its own parent."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        sync_folder(each.parent)


def read_lines(path: Path, folder: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL file but an incomplete last line; a file that is missing has none.

    Raises RunFolderError for any other damaged line, and for a file that can't be read.
    """
    yield from _rows(path, _whole_lines(path, path.parent if folder is None else folder))


def read_lines_after(path: Path, folder: Path, place: int) -> tuple[list[dict[str, Any]], int]:
    """Return the rows that follow a byte of a JSONL file, and the byte at which its whole lines end.

    `place` is 0 or what an earlier call returned. Raises RunFolderError as `read_lines`.
    """
    data = _whole_lines(path, folder, place)
    return list(_rows(path, data)), place + len(data)


def _whole_lines(path: Path, folder: Path, place: int = 0) -> bytes:
    try:
        data = foreign.read_bytes(path, folder, foreign.JOURNAL_BYTES, place=place)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RunFolderError(f"{path}: can't be read: {error.strerror or error}") from None
    return data[: data.rfind(b"\n") + 1]


def _rows(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            raise RunFolderError(f"{path}: line {number} is damaged") from None


class Journal:
    """An append-only JSONL file with one writer.

    The kernel has a line when `append` returns, the disk after the next `sync`. `append` calls `sync` if the last call
    is older than SYNC_S; `close` always does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _one_line(path):
            make_folder(path.parent)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            self._size = _drop_torn_line(self._file)
            sync_folder(path.parent)
        self._synced = self._size
        self._synced_at = float("-inf")

    def append(self, line: str) -> None:
        """Append a line, given without its newline. On a RunFolderError, no part of it is left behind."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with _one_line(self._path):
            try:
                _write_all(self._file, data)
            except OSError:
                os.ftruncate(self._file, self._size)  # the next line has to stand alone
                raise
        self._size += len(data)
        if time.monotonic() - self._synced_at > SYNC_S:
            self.sync()

    def sync(self) -> None:
        """Put the lines appended so far on the disk. Raises RunFolderError."""
        if self._synced < self._size:
            with _one_line(self._path):
                os.fsync(self._file)
        self._synced, self._synced_at = self._size, time.monotonic()

    def close(self) -> None:
        """Put all lines on the disk and close the file."""
        try:
            self.sync()
        finally:
            os.close(self._file)


@contextmanager
def journal(path: Path) -> Iterator[Journal]:
    """Open a journal for the time of the block."""
    opened = Journal(path)
    try:
        yield opened
    finally:
        opened.close()


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _drop_torn_line(file: int) -> int:
    """Cut an open journal after its last newline; return its size."""
    end = size = os.fstat(file).st_size
    while end:
        start = max(0, end - 65_536)
        at = os.pread(file, end - start, start).rfind(b"\n")
        if at >= 0:
            end = start + at + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)
        os.fsync(file)
    return end


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(f"{path}: can't be written: {error.strerror or error}") from None
