"""The numbers of system calls are right for this processor and whole for both."""

import ctypes
import os
import platform
import re
from pathlib import Path

import pytest
from trials import linux

from nnloop.sandbox import seccomp
from nnloop.sandbox.calls import TABLE, Verdict, machine, machines

HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


@linux
def test_the_numbers_are_this_machines() -> None:
    libc = ctypes.CDLL(None)
    assert libc.syscall(ctypes.c_long(machine().calls["fcntl"]), 0, 1) == libc.fcntl(0, 1)
    assert libc.syscall(ctypes.c_long(machine().calls["kill"]), os.getpid(), 0) == 0


def test_an_unknown_processor_is_an_oserror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(OSError, match="no system call numbers for vax"):
        machine()


@pytest.mark.parametrize("name", machines())
def test_no_two_calls_have_one_number(name: str) -> None:
    calls = machines()[name].calls
    assert len(set(calls.values())) == len(calls) > 300


@pytest.mark.parametrize("name", machines())
def test_the_whole_table_is_judged(name: str) -> None:
    """Linux has left no gap in these ranges but where a processor never had the call."""
    gaps = {"x86_64": set(range(335, 424)), "aarch64": {*range(244, 260), *range(295, 424)}}[name]
    assert set(range(471)) - set(machines()[name].calls.values()) == gaps


@pytest.mark.skipif(not HEADER.exists(), reason="no kernel headers")
def test_the_table_has_every_call_of_the_kernels_header() -> None:
    header = {name: int(number) for name, number in re.findall(r"__NR_(\w+) (\d+)", HEADER.read_text())}
    calls = machines()["x86_64"].calls
    assert {name: calls.get(name) for name in header if header[name] < 335 or 424 <= header[name] < 471} == {
        name: number for name, number in header.items() if number < 335 or 424 <= number < 471
    }


def test_every_group_of_calls_says_why_and_every_call_for_some_arguments_has_its_check() -> None:
    titles = [line for line in TABLE.read_text().splitlines() if line.startswith("[")]
    assert all(re.fullmatch(r"\[[a-z]+\] [A-Z].*", title) for title in titles)
    some = {name for name, verdict in machines()["x86_64"].verdicts.items() if verdict is Verdict.SOME}
    assert some == set(seccomp.checks(1, gpu=False))
