"""The filter, as this kernel runs it, and its program for both processors as an interpreter of BPF runs it."""

import struct

import pytest
from sandboxes import alone
from trials import linux

from nnloop.sandbox import kernel, seccomp
from nnloop.sandbox.calls import MACHINES, Machine

PID = 4711
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000

CODE = """
    import os, signal, socket, threading
    from nnloop.sandbox import kernel, seccomp
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.apply()

    def attempt(action):
        try:
            action()
            return "done"
        except OSError as error:
            return type(error).__name__

    def thread():
        one = threading.Thread(target=lambda: None)
        one.start()
        one.join()

    print(*map(attempt, [{actions}]))
"""


@linux
def test_processes_sockets_and_signals_to_others_are_refused() -> None:
    actions = "os.fork, socket.socket, lambda: os.kill(os.getppid(), 0), lambda: os.chmod('/tmp', 0o777)"
    assert alone(CODE.format(actions=actions)).split() == ["PermissionError"] * 4


@linux
def test_threads_pairs_of_sockets_and_signals_to_itself_are_left() -> None:
    actions = "thread, socket.socketpair, lambda: os.kill(os.getpid(), 0), lambda: os.listdir('/')"
    assert alone(CODE.format(actions=actions)).split() == ["done"] * 4


def verdict(machine: Machine, number: int, *arguments: int, audit: int | None = None) -> int:
    """Interpret the filter's program for one call."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, machine.audit if audit is None else audit, 0, *padded)
    steps = list(struct.iter_unpack("HBBI", seccomp._program(machine, PID)))
    at = value = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += yes if holds else no


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


def test_every_call_of_the_list_is_refused(machine: Machine) -> None:
    numbers = [machine.calls[name] for name in seccomp.DENIED if name in machine.calls]
    assert {verdict(machine, number) for number in numbers} == {EPERM}


def test_a_call_that_is_not_of_the_list_is_allowed(machine: Machine) -> None:
    known = set(machine.calls.values())
    assert {verdict(machine, number) for number in range(470) if number not in known} == {ALLOW}


def test_a_call_by_another_processors_numbers_kills(machine: Machine) -> None:
    assert verdict(machine, 0, audit=1) == KILL
    assert verdict(machine, 0x40000000) == KILL


def test_new_threads_are_allowed_and_new_processes_refused(machine: Machine) -> None:
    assert verdict(machine, machine.calls["clone"], kernel.CLONE_THREAD) == ALLOW
    assert verdict(machine, machine.calls["clone"], 17) == EPERM
    assert verdict(machine, machine.calls["clone3"]) == ENOSYS


def test_only_its_own_number_is_a_target(machine: Machine) -> None:
    for name in ("kill", "tgkill", "prlimit64", "sched_setaffinity"):
        assert verdict(machine, machine.calls[name], PID) == ALLOW
        assert verdict(machine, machine.calls[name], PID + 1) == EPERM
    assert verdict(machine, machine.calls["kill"], 0) == EPERM
    assert verdict(machine, machine.calls["prlimit64"], 0) == ALLOW


def test_a_call_that_is_refused_for_some_arguments_is_allowed_for_others(machine: Machine) -> None:
    assert verdict(machine, machine.calls["fcntl"], 0, 8) == EPERM
    assert verdict(machine, machine.calls["fcntl"], 0, 1) == ALLOW
    assert verdict(machine, machine.calls["ioctl"], 0, 0x5412) == EPERM
    assert verdict(machine, machine.calls["ioctl"], 0, 0x8902) == EPERM
    assert verdict(machine, machine.calls["ioctl"], 0, 0x5401) == ALLOW
    assert verdict(machine, machine.calls["prctl"], kernel.PR_SET_PDEATHSIG) == EPERM
