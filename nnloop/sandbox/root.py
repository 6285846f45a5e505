"""The file system of a candidate: a new root, read-only, that holds a View and a scratch folder.

The process must have its own mount namespace.
"""

import os

from nnloop.sandbox import kernel
from nnloop.sandbox.view import SCRATCH, View

MOST_FILES = 10_000  # in the scratch folder: an empty file takes memory too
_OLD = "/.old"  # the machine's root, until the new one is complete
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV


def enter(view: View, scratch_mb: int, new_proc: bool) -> None:
    """Replace the root of this mount namespace. Raises OSError.

    `scratch_mb` is the size of each of the two writable folders. `new_proc`: the process has its own pid namespace,
    which /proc shows.
    """
    kernel.mount("/", kernel.MS_REC | kernel.MS_PRIVATE)
    _mount_tmpfs("/tmp", "mode=755,size=1m")
    os.mkdir("/tmp" + _OLD)
    kernel.pivot_root("/tmp", "/tmp" + _OLD)
    os.chdir("/")
    for link in view.links:
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.readlink(_OLD + link), link)
    for path in view.readable:
        _bind(path)
    _hide(view)
    for folder in ("/proc", "/dev/shm", SCRATCH, "/tmp"):
        os.makedirs(folder, exist_ok=True)
    if new_proc:
        _mount_proc()
    for device in view.devices:
        _bind(device)
    kernel.unmount(_OLD)
    kernel.make_read_only("/")
    for folder in (SCRATCH, "/dev/shm"):
        _mount_tmpfs(folder, f"mode=700,size={scratch_mb}m,nr_inodes={MOST_FILES}")
    os.chdir(SCRATCH)


def _mount_tmpfs(folder: str, options: str) -> None:
    kernel.mount(folder, _QUIET, source="tmpfs", kind="tmpfs", data=options)


def _mount_proc() -> None:
    """Show this pid namespace in /proc; if the machine forbids it, as containers do, /proc stays empty."""
    try:
        kernel.mount("/proc", _QUIET | kernel.MS_NOEXEC, source="proc", kind="proc")
    except PermissionError:
        return


def _bind(path: str) -> None:
    """Show a folder or a file of the old root at its own place."""
    old = _OLD + path
    if os.path.isdir(old):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    kernel.mount(path, kernel.MS_BIND | kernel.MS_REC, source=old)


def _hide(view: View) -> None:
    """Cover the view's hidden paths within the folders that are shown."""
    for path in view.hidden:
        if os.path.isdir(path):
            _mount_tmpfs(path, "mode=755,size=4k")
        else:
            kernel.mount(path, kernel.MS_BIND, source=_OLD + "/dev/null")
