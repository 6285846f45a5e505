"""The system call filter, in classic BPF: a candidate may make the calls that calls.txt allows, and no other.

The list is one of effects, not of habits: a call whose effect stays within the process is allowed whether torch makes
it today or not, so another version of torch, libc or the GPU's driver finds what it needs. Only a call that reaches
beyond the process, or that a later kernel adds, is refused.
"""

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from nnloop.sandbox import kernel
from nnloop.sandbox.calls import Machine, Verdict, machine

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_REFUSE, _ABSENT = _ERRNO | 1, _ERRNO | 38  # EPERM, ENOSYS
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000
_ALL = 0xFFFFFFFF

_THREAD = 0x00010F00  # CLONE_VM, _FS, _FILES, _SIGHAND and _THREAD
_PRIVATE, _CLOCK_REALTIME = 128, 256  # bits of a futex operation
_FUTEX_WAITS = (0, 9)  # WAIT and WAIT_BITSET
_MAP_HUGETLB = 0x40000
_ADVICE = (0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 22, 23, 102, 103)  # up to GUARD_REMOVE; no MERGEABLE
_DESCRIPTOR = (0, 1, 2, 3, 4, 1030, 1032)  # F_DUPFD, F_GETFD to F_SETFL, F_DUPFD_CLOEXEC, F_GETPIPE_SZ
_CLOSE_RANGE_CLOEXEC = 4
_BARRIERS = (0, 8, 16, 32, 64)  # membarrier: QUERY, and the commands for this process alone
_TERMINAL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX
_DRIVER_MASK, _DRIVER = (
    0xFF00,
    (0x4600, 0x0000),
)  # the NVIDIA driver's own controls, and unified memory's
_PRCTL = (3, 15, 16, 21, 23, 29, 30, 39, 41, 42, 51, 0x53564D41)  # names, its own memory, and questions
_AF_UNIX = 1
_STREAM, _SEQPACKET = 1, 5


@dataclass(frozen=True, slots=True)
class _Check:
    """A condition on one argument of a call."""

    argument: int  # its place, from 0
    choices: Sequence[tuple[int, int]] = ()  # pairs of a mask and the value that the masked bits may have; () is any
    never: int = 0  # bits, none of which may be set


def apply(*, gpu: bool) -> None:
    """Filter this thread and everything that it starts, for good. Needs no_new_privs. Raises OSError."""
    program = _program(machine(), os.getpid(), gpu=gpu)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    filter_ = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(filter_))


def checks(pid: int, gpu: bool) -> dict[str, list[_Check]]:
    """Return the conditions of the calls that are allowed for some arguments: all of them have to hold.

    With a GPU, futexes are the driver's business, and so are the controls of its devices.
    """
    waits = [(_PRIVATE, _PRIVATE), *((_ALL - _CLOCK_REALTIME, value) for value in _FUTEX_WAITS)]
    controls = [*_equal(*_TERMINAL), *((_DRIVER_MASK, kind) for kind in (_DRIVER if gpu else ()))]
    return {
        "clone": [_Check(0, [(_THREAD | kernel.CLONE_NAMESPACES, _THREAD)])],
        "kill": [_Check(0, _equal(pid))],
        "tgkill": [_Check(0, _equal(pid))],
        "prlimit64": [_Check(0, _equal(0, pid))],
        "sched_setaffinity": [_Check(0, _equal(0, pid))],
        "prctl": [_Check(0, _equal(*_PRCTL))],
        "futex": [] if gpu else [_Check(1, waits)],
        "membarrier": [_Check(0, _equal(*_BARRIERS))],
        "mmap": [_Check(3, never=_MAP_HUGETLB)],
        "madvise": [_Check(2, _equal(*_ADVICE))],
        "fcntl": [_Check(1, _equal(*_DESCRIPTOR))],
        "close_range": [_Check(2, _equal(0, _CLOSE_RANGE_CLOEXEC))],
        "ioctl": [_Check(1, controls)],
        "socketpair": [_Check(0, _equal(_AF_UNIX)), _Check(1, [(0xF, _STREAM), (0xF, _SEQPACKET)])],
        "sendto": [_Check(5, _equal(0))],  # no length of an address
    }


def _equal(*values: int) -> list[tuple[int, int]]:
    return [(_ALL, value) for value in values]


def _program(machine: Machine, pid: int, *, gpu: bool) -> bytes:
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32_BIT, no=1),
        _step(_RETURN, _KILL),
    ]
    for name, conditions in checks(pid, gpu).items():
        body = [step for condition in conditions for step in _hold(condition)]
        steps += [_step(_EQUAL, machine.calls[name], no=len(body) + 1), *body, _step(_RETURN, _ALLOW)]
    for verdict, answer in ((Verdict.ALLOW, _ALLOW), (Verdict.REFUSE, _REFUSE)):
        for first, last in _ranges(machine.numbers(verdict)):
            steps += [_step(_AT_LEAST, first, no=2), _step(_AT_LEAST, last + 1, yes=1), _step(_RETURN, answer)]
    return b"".join([*steps, _step(_RETURN, _ABSENT)])


def _hold(condition: _Check) -> list[bytes]:
    """Refuse the call unless the condition holds."""
    load = _step(_LOAD, _ARGUMENTS + 8 * condition.argument)  # the lower half: all of these are int in the kernel
    steps = [load, _step(_ANY_BIT, condition.never, no=1), _step(_RETURN, _REFUSE)] if condition.never else []
    if not condition.choices:
        return steps
    tests: list[bytes] = []
    for mask, value in reversed(condition.choices):
        tests = [load, _step(_AND, mask), _step(_EQUAL, value, yes=len(tests) + 1), *tests]
    return [*steps, *tests, _step(_RETURN, _REFUSE)]


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last number of each run of neighbours."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        neighbours = [number for _, number in run]
        yield neighbours[0], neighbours[-1]


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Encode one instruction; a test that holds skips the next `yes` instructions, else it skips the next `no`."""
    return struct.pack("HBBI", code, yes, no, value)
