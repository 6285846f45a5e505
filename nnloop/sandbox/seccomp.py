"""The system call filter, in classic BPF: calls that no network in training needs are refused with EPERM."""

import ctypes
import os
import struct

from nnloop.sandbox import kernel
from nnloop.sandbox.calls import Machine, machine

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in struct seccomp_data
_X32_BIT = 0x40000000
_F_SETSIG, _F_SETOWN, _F_SETOWN_EX = 10, 8, 15
_TIOCSTI, _TIOCLINUX, _FIOSETOWN, _SIOCSPGRP = 0x5412, 0x541C, 0x8901, 0x8902

DENIED = (
    # processes: none but this one; programs: none
    "fork", "vfork", "execve", "execveat", "setsid", "setpgid",
    # signals and looks at others, and their priority
    "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_send_signal", "pidfd_getfd", "ptrace",
    "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "setpriority",
    "ioprio_set", "sched_setparam", "sched_setscheduler", "sched_setattr", "migrate_pages", "move_pages",
    # the network (socketpair stays), memory that no limit counts, and System V's shared objects
    "socket", "mq_open", "mq_unlink", "memfd_create", "memfd_secret", "shmget", "shmat", "shmctl", "semget", "semop",
    "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl",
    # namespaces and file systems
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at", "quotactl",
    "quotactl_fd", "swapon", "swapoff", "fanotify_init",
    # changes that Landlock leaves open: owners, modes, times and attributes of files that this user owns; special files
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes",
    "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
    "fremovexattr", "removexattrat", "mknod", "mknodat",
    # large or old kernel surfaces
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "personality", "modify_ldt", "uselib", "acct", "syslog", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "vhangup", "reboot", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "iopl", "ioperm",
)  # fmt: skip


def apply() -> None:
    """Filter this thread and everything that it starts, for good. Needs no_new_privs. Raises OSError."""
    program = _program(machine(), os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    filter_ = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(filter_))


def _program(machine: Machine, pid: int) -> bytes:
    calls = machine.calls
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32_BIT, no=1),
        _step(_RETURN, _KILL),
    ]
    for name in DENIED:
        if name in calls:
            steps += [_step(_EQUAL, calls[name], no=1), _step(_RETURN, _ERRNO | _EPERM)]
    # libc falls back from clone3, whose flags a filter can't see, to clone
    steps += [_step(_EQUAL, calls["clone3"], no=1), _step(_RETURN, _ERRNO | _ENOSYS)]
    steps += _where(calls["clone"], _FIRST_ARGUMENT, [_step(_ANY_BIT, kernel.CLONE_THREAD, yes=1)])  # no processes
    for name in ("kill", "tgkill"):
        steps += _only(calls[name], [pid])
    for name in ("prlimit64", "sched_setaffinity"):
        steps += _only(calls[name], [0, pid])
    steps += _never(calls["prctl"], _FIRST_ARGUMENT, [kernel.PR_SET_PDEATHSIG])
    steps += _never(calls["fcntl"], _SECOND_ARGUMENT, [_F_SETSIG, _F_SETOWN, _F_SETOWN_EX])  # signals by the way
    steps += _never(calls["ioctl"], _SECOND_ARGUMENT, [_TIOCSTI, _TIOCLINUX, _FIOSETOWN, _SIOCSPGRP])
    steps.append(_step(_RETURN, _ALLOW))
    return b"".join(steps)


def _only(number: int, values: list[int]) -> list[bytes]:
    """Refuse the call unless its first argument is one of `values`."""
    return _where(number, _FIRST_ARGUMENT, [_step(_EQUAL, v, yes=len(values) - i) for i, v in enumerate(values)])


def _never(number: int, argument: int, values: list[int]) -> list[bytes]:
    """Refuse the call where its argument is one of `values`."""
    *first, last = values
    tests = [_step(_EQUAL, value, yes=len(values) - 1 - i) for i, value in enumerate(first)]
    return _where(number, argument, [*tests, _step(_EQUAL, last, no=1)])


def _where(number: int, argument: int, tests: list[bytes]) -> list[bytes]:
    """Refuse the call unless one of the `tests` of its argument jumps over the refusal."""
    return [
        _step(_EQUAL, number, no=len(tests) + 3),
        _step(_LOAD, argument),
        *tests,
        _step(_RETURN, _ERRNO | _EPERM),
        _step(_LOAD, _NUMBER),
    ]


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Encode one instruction; a test that holds skips the next `yes` instructions, else it skips the next `no`."""
    return struct.pack("HBBI", code, yes, no, value)
