"""The numbers of system calls are right for this processor and whole for both."""

import ctypes
import os
import platform

import pytest
from trials import linux

from nnloop.sandbox.calls import MACHINES, machine
from nnloop.sandbox.seccomp import DENIED


@linux
def test_the_numbers_are_this_machines() -> None:
    libc = ctypes.CDLL(None)
    assert libc.syscall(ctypes.c_long(machine().calls["fcntl"]), 0, 1) == libc.fcntl(0, 1)
    assert libc.syscall(ctypes.c_long(machine().calls["kill"]), os.getpid(), 0) == 0


def test_an_unknown_processor_is_an_oserror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(OSError, match="no system call numbers for vax"):
        machine()


@pytest.mark.parametrize("name", MACHINES)
def test_no_two_calls_have_one_number(name: str) -> None:
    calls = MACHINES[name].calls
    assert len(set(calls.values())) == len(calls)


def test_every_refused_call_has_a_number_somewhere() -> None:
    assert set(DENIED) <= {call for numbers in MACHINES.values() for call in numbers.calls}
