"""Files that somebody else may have written: only plain ones of a bounded size, inside their folder, are read.

Covered: links that lead out of the folder, pipes and devices, at which a reader would hang, and files that are larger
than memory. Not covered: somebody who exchanges files while they are read.
"""

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

SOURCE_BYTES = 4 << 20  # of one network's code
DOCUMENT_BYTES = 256 << 20  # of one JSON file
JOURNAL_BYTES = 4 << 30  # of one JSONL file


def read_bytes(path: Path, folder: Path, most: int, place: int = 0) -> bytes:
    """Read a plain file that lies in `folder`, from a byte on, which leaves at most `most` bytes.

    Raises OSError with the reason.
    """
    with open_plain(path, folder) as file:
        file.seek(place)
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"is larger than {most >> 20} MiB", str(path))
    return data


def read_text(path: Path, folder: Path, most: int) -> str:
    """Read a text as `read_bytes` does. Raises OSError, ValueError where it is no UTF-8."""
    return read_bytes(path, folder, most).decode("utf-8", "surrogatepass")


def open_plain(path: Path, folder: Path) -> BinaryIO:
    """Open a plain file that lies in `folder`, itself or by links. Raises OSError."""
    real = os.path.realpath(path)
    check_inside(path, folder)
    descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would wait
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


def check_inside(path: Path, folder: Path) -> None:
    """Raise OSError if a path, links followed, lies outside of the folder."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise OSError(errno.EXDEV, "leads out of its folder", str(path))


def copy(path: Path, target: Path, folder: Path) -> None:
    """Copy a plain file that lies in `folder`. Raises OSError."""
    with open_plain(path, folder) as source, target.open("wb") as copied:
        shutil.copyfileobj(source, copied, 1 << 20)


def copy_tree(source: Path, target: Path, folder: Path) -> None:
    """Copy the plain files of a folder and those below; `folder` holds them all. Raises OSError for anything else."""
    for path, folders, files in os.walk(source):
        beside = target / os.path.relpath(path, source)
        beside.mkdir(parents=True, exist_ok=True)
        for name in folders:
            check_inside(Path(path, name), source)
        for name in files:
            copy(Path(path, name), beside / name, folder)
