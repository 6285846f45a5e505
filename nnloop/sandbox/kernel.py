"""Linux system calls by ctypes, of x86_64 and aarch64. A failed call raises OSError."""

import ctypes
import errno
import functools
import os
from collections.abc import Sequence

from nnloop.sandbox.calls import machine

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_NAMESPACES = 0x7E020000  # all of them, cgroup and time included
CLONE_THREAD = 0x00010000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 24, 36, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION = 0x20080522


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(name: str, arguments: Sequence[int | bytes | None]) -> int:
    """Make a system call by name. Integers are passed as unsigned longs, bytes as pointers."""
    number = machine().calls[name]
    passed = [ctypes.c_ulong(item & (2**64 - 1)) if isinstance(item, int) else item for item in arguments]
    return _checked(int(_libc().syscall(ctypes.c_long(number), *passed)), name)


def prctl(option: int, *arguments: int) -> int:
    """Make a prctl call, whose missing arguments are 0."""
    padded = [option, *arguments, *([0] * (4 - len(arguments)))]
    return _checked(int(_libc().prctl(*(ctypes.c_ulong(item) for item in padded))), f"prctl {option}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces, given as CLONE_NEW* flags."""
    _checked(int(_libc().unshare(ctypes.c_int(flags))), f"unshare {flags:#x}")


def mount(
    target: str, flags: int, *, source: str | None = None, kind: str | None = None, data: str | None = None
) -> None:
    """Mount a file system of a `kind` (or with MS_BIND the path `source`) on `target`; `data` are its options."""
    text = [None if item is None else os.fsencode(item) for item in (source, target, kind, data)]
    result = _libc().mount(*text[:3], ctypes.c_ulong(flags), text[3])
    _checked(int(result), f"mount {target}")


def unmount(target: str) -> None:
    """Unmount a tree; files of it that are open stay usable."""
    _checked(int(_libc().umount2(os.fsencode(target), MNT_DETACH)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make the mount `new` the root and show the old root at `old`, which lies below it."""
    syscall("pivot_root", [os.fsencode(new), os.fsencode(old)])


def make_read_only(target: str) -> None:
    """Make a tree of mounts read-only, with setuid bits ignored."""
    attributes = b"".join(value.to_bytes(8, "little") for value in (MS_RDONLY | MS_NOSUID, 0, 0, 0))
    syscall("mount_setattr", [_AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, attributes, len(attributes)])


def drop_capabilities(bounding: bool) -> None:
    """Give up every capability; with `bounding` also for later programs, which needs CAP_SETPCAP."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if bounding:
        _drop_bounding_set()
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(int(_libc().capset(header, (ctypes.c_uint32 * 6)())), "capset")


def _drop_bounding_set() -> None:
    """Drop every capability that this kernel knows; it refuses the first number beyond them."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL and capability > 0:
                return
            raise
