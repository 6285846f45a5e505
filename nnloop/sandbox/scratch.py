"""A candidate's scratch folder on the machine's own disk, where it has no root of its own: what it holds, and its end.

Whatever the candidate has made there is counted and removed: folders deeper than any path may be long, folders without
a mode that lets anybody in, and files that it has unlinked but keeps open or mapped.
"""

import os
import stat
import uuid
from collections.abc import Iterator

from nnloop.sandbox import root

DEEPEST = 64  # folders in each other


def is_full(folder: str, limit: int, pid: int) -> bool:
    """Tell if the process's scratch folder holds more than `limit` bytes, too many files, or what can't be counted."""
    size, files = 0, 0
    try:
        for entry in _entries(folder):
            size, files = size + entry.st_blocks * 512, files + 1
            if size > limit or files > root.MOST_FILES:
                return True
        return size + _unlinked_bytes(pid, os.stat(folder).st_dev, limit) > limit
    except (PermissionError, RecursionError):
        return True  # it has shut us out, or nests too deep
    except OSError:
        return False  # gone meanwhile


def _entries(folder: str) -> Iterator[os.stat_result]:
    """Yield the facts of all files and folders. Raises RecursionError beyond the deepest level, and OSError."""
    for path, folders, names, descriptor in os.fwalk(folder, onerror=_stop_if_shut_out, follow_symlinks=False):
        if path.count("/") - folder.count("/") > DEEPEST:
            raise RecursionError
        for name in (*folders, *names):
            try:
                yield os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue


def _stop_if_shut_out(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise error


def _unlinked_bytes(pid: int, device: int, largest: int) -> int:
    """Count the files on a device that the process has unlinked, by their descriptors and mappings.

    A file that is mapped and no longer open can't be looked at: it counts as the largest there can be.
    """
    held: dict[int, int] = {}
    ours = set() if pid == os.getpid() else _mapped(os.getpid(), device)  # the arrays that a trial is given
    for descriptor in _listed(f"/proc/{pid}/fd"):
        try:
            facts = os.stat(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue
        if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0 and facts.st_dev == device:
            held[facts.st_ino] = facts.st_blocks * 512
    for inode in _mapped(pid, device):
        held.setdefault(inode, largest)
    return sum(size for inode, size in held.items() if inode not in ours)


def _mapped(pid: int, device: int) -> set[int]:
    """Return the inodes of the unlinked files on a device that a process has mapped."""
    number = f"{os.major(device):02x}:{os.minor(device):02x}"
    with open(f"/proc/{pid}/maps") as maps:
        rows = [line.split(maxsplit=5) for line in maps if line.endswith("(deleted)\n")]
    return {int(row[4]) for row in rows if row[3] == number}


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def remove(folder: str) -> None:
    """Remove a folder and all in it, however deep it is and whatever its modes are.

    Folders are moved up to the top before they are emptied, so no path gets long. What can't be removed stays.
    """
    try:
        while _flatten(folder):
            continue
        os.rmdir(folder)
    except OSError:
        return


def _flatten(folder: str) -> bool:
    """Empty each folder in `folder` into it and remove everything else; tell if there was a folder."""
    again = False
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            continue
        again = True
        os.chmod(path, 0o700)
        for inner in os.listdir(path):
            inside = os.path.join(path, inner)
            if stat.S_ISDIR(os.lstat(inside).st_mode):
                os.chmod(inside, 0o700)  # a folder that is moved needs it
                os.rename(inside, os.path.join(folder, uuid.uuid4().hex))
            else:
                os.unlink(inside)
        os.rmdir(path)
    return again
