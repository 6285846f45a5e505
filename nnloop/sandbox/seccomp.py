"""The system call filter, by hand in classic BPF: what a network in training never needs is refused with EPERM."""

import ctypes
import os
import struct

from nnloop.sandbox import kernel

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000

DENIED = (
    # processes: none but this one; programs: none
    "fork", "vfork", "execve", "execveat", "setsid", "setpgid",
    # signals and looks at others
    "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_send_signal", "pidfd_getfd", "ptrace",
    "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    # the network (socketpair stays), and memory that no limit counts
    "socket", "shmget", "mq_open", "memfd_create",
    # namespaces and file systems
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsmount",
    "mount_setattr", "name_to_handle_at", "open_by_handle_at", "quotactl", "swapon",
    # large kernel surfaces
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "personality", "acct", "settimeofday", "reboot", "kexec_load", "init_module",
    "finit_module", "delete_module", "iopl", "ioperm",
)  # fmt: skip


def apply() -> None:
    """Filter this thread and what it starts, for ever. Needs no_new_privs."""
    program = _program(kernel.machine(), os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    filter_ = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(filter_))


def _program(machine: kernel.Machine, pid: int) -> bytes:
    calls = machine.calls
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32_BIT, 0, 1),
        _step(_RETURN, _KILL),
    ]
    for name in DENIED:
        if name in calls:
            steps += [_step(_EQUAL, calls[name], 0, 1), _step(_RETURN, _ERRNO | _EPERM)]
    # libc falls back from clone3, whose flags a filter can't see, to clone
    steps += [_step(_EQUAL, calls["clone3"], 0, 1), _step(_RETURN, _ERRNO | _ENOSYS)]
    steps += _unless(calls["clone"], _step(_ANY_BIT, kernel.CLONE_THREAD, 1, 0))  # threads, no processes
    steps += _unless(calls["kill"], _step(_EQUAL, pid, 1, 0))
    steps += _unless(calls["tgkill"], _step(_EQUAL, pid, 1, 0))
    steps += _unless(calls["prctl"], _step(_EQUAL, kernel.PR_SET_PDEATHSIG, 0, 1))
    steps.append(_step(_RETURN, _ALLOW))
    return b"".join(steps)


def _unless(number: int, test: bytes) -> list[bytes]:
    """Refuse the call unless `test`, which looks at its first argument, jumps over the refusal."""
    return [
        _step(_EQUAL, number, 0, 4),
        _step(_LOAD, _FIRST_ARGUMENT),
        test,
        _step(_RETURN, _ERRNO | _EPERM),
        _step(_LOAD, _NUMBER),
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
