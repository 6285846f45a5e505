"""Landlock: rules by path for the files that this process may open from now on. Needs no privilege or namespace."""

import os
import struct
from collections.abc import Iterable

from nnloop.sandbox import kernel

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK = 64, 2048
_REFER, _TRUNCATE, _IOCTL_DEV = 8192, 16384, 32768
_OLDEST = (1 << 13) - 1  # the rights of ABI 1
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_TCP, _SCOPES = 3, 3  # bind and connect; abstract sockets and signals

READ = _EXECUTE | _READ_FILE | _READ_DIR
LIST = _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
WRITE = (1 << 16) - 1 & ~_MAKE_CHAR & ~_MAKE_BLOCK


def version() -> int:
    """Return the version of Landlock's ABI in this kernel, 0 if it has no Landlock."""
    try:
        return kernel.syscall("landlock_create_ruleset", [None, 0, 1])
    except OSError:
        return 0


def apply(rules: Iterable[tuple[str, int]]) -> None:
    """Allow the rights on each path and below it, and nothing else, for good.

    Each rule is a path and a sum of rights; paths that don't exist are passed over. Needs no_new_privs. Raises OSError.
    """
    abi = version()
    handled = _OLDEST | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL_DEV if abi >= 5 else 0)
    fields = [handled, _TCP, _SCOPES][: 1 if abi < 4 else 2 if abi < 6 else 3]
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = kernel.syscall("landlock_create_ruleset", [attributes, len(attributes), 0])
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        kernel.syscall("landlock_restrict_self", [ruleset, 0])
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rights if os.path.isdir(path) else rights & _ON_FILES
        if rights:
            kernel.syscall("landlock_add_rule", [ruleset, 1, struct.pack("=Qi", rights, descriptor), 0])
    finally:
        os.close(descriptor)
