"""The filter, as this kernel runs it, and its program for both processors as an interpreter of BPF runs it."""

import struct

import pytest
from sandboxes import alone
from trials import linux

from nnloop.sandbox import kernel, seccomp
from nnloop.sandbox.calls import Machine, Verdict, machines

PID = 4711
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000

CODE = """
    import fcntl, os, signal, socket, threading
    from nnloop.sandbox import kernel, seccomp
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.apply(gpu=False)

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
    locks = "lambda: fcntl.flock(0, 2), lambda: fcntl.lockf(0, 2), lambda: fcntl.fcntl(0, 1024, 0), os.sync"
    assert alone(CODE.format(actions=f"{actions}, {locks}")).split() == ["PermissionError"] * 7 + ["done"]


@linux
def test_threads_pairs_of_sockets_and_signals_to_itself_are_left() -> None:
    actions = "thread, socket.socketpair, lambda: os.kill(os.getpid(), 0), lambda: os.listdir('/')"
    assert alone(CODE.format(actions=actions)).split() == ["done"] * 4


def verdict(machine: Machine, number: int, *arguments: int, audit: int | None = None, gpu: bool = False) -> int:
    """Interpret the filter's program for one call."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, machine.audit if audit is None else audit, 0, *padded)
    steps = list(struct.iter_unpack("HBBI", seccomp._program(machine, PID, gpu=gpu)))
    at = value = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += yes if holds else no


@pytest.fixture(params=machines())
def machine(request: pytest.FixtureRequest) -> Machine:
    return machines()[request.param]


def answers(machine: Machine, name: str, at: int, values: list[int], gpu: bool = False) -> list[bool]:
    """Tell of each value of an argument if the call is allowed; the other arguments are right."""
    right = {"socketpair": [1, 1], "sendto": [0] * 6}.get(name, [0] * 6)
    calls = [[*right[:at], value, *right[at + 1 :]] for value in values]
    return [verdict(machine, machine.calls[name], *call, gpu=gpu) == ALLOW for call in calls]


def test_every_call_has_the_verdict_of_the_table(machine: Machine) -> None:
    for given, answer in ((Verdict.ALLOW, ALLOW), (Verdict.REFUSE, EPERM), (Verdict.ABSENT, ENOSYS)):
        assert {verdict(machine, number) for number in machine.numbers(given)} == {answer}


def test_a_call_that_the_table_lacks_does_not_exist(machine: Machine) -> None:
    known = set(machine.calls.values())
    assert {verdict(machine, number) for number in range(600) if number not in known} == {ENOSYS}


def test_a_call_by_another_processors_numbers_kills(machine: Machine) -> None:
    assert verdict(machine, 0, audit=1) == KILL
    assert verdict(machine, 0x40000000) == KILL


def test_new_threads_are_allowed_and_new_processes_namespaces_and_descriptors_of_their_own_are_not(
    machine: Machine,
) -> None:
    thread = 0x3D0F00  # of pthread_create
    own_files, own_network = thread & ~0x400, thread | 0x40000000
    assert (
        answers(machine, "clone", 0, [thread, 17, kernel.CLONE_THREAD, own_files, own_network]) == [True] + [False] * 4
    )
    assert answers(machine, "close_range", 2, [0, 4, 2]) == [True, True, False]


def test_only_its_own_number_is_a_target(machine: Machine) -> None:
    for name in ("kill", "tgkill", "prlimit64", "sched_setaffinity"):
        assert answers(machine, name, 0, [PID, PID + 1]) == [True, False]
    assert answers(machine, "kill", 0, [0]) == [False]
    assert answers(machine, "prlimit64", 0, [0]) == [True]


def test_descriptors_have_no_leases_locks_notices_owners_or_larger_pipes(machine: Machine) -> None:
    duplicate, flags, close_on_exec = 0, 4, 1030
    assert answers(machine, "fcntl", 1, [duplicate, flags, close_on_exec]) == [True] * 3
    refused = [5, 6, 7, 8, 10, 15, 36, 37, 38, 1024, 1026, 1031, 1033, 1036, 1038]
    assert answers(machine, "fcntl", 1, refused) == [False] * len(refused)


def test_a_file_is_not_controlled_and_the_gpus_driver_is_where_there_is_one(machine: Machine) -> None:
    terminal, attributes, freeze, clone, push = 0x5401, 0x40086602, 0xC0045877, 0x40049409, 0x5412
    driver, unified = 0xC020462A, 0x30000001
    asked = [terminal, attributes, freeze, clone, push, driver, unified]
    assert answers(machine, "ioctl", 1, asked) == [True] + [False] * 6
    assert answers(machine, "ioctl", 1, asked, gpu=True) == [True] + [False] * 4 + [True, True]


def test_memory_is_neither_huge_nor_shared_nor_pushed_out(machine: Machine) -> None:
    assert answers(machine, "mmap", 3, [0x22, 0x40022]) == [True, False]
    assert answers(machine, "madvise", 2, [4, 14, 8, 12, 20, 21, 100, 101]) == [True] * 3 + [False] * 5


def test_only_threads_of_this_process_are_woken(machine: Machine) -> None:
    wait, wake, private, realtime = 0, 1, 128, 256
    asked = [wait, 9 | realtime, wake | private, 10 | private | realtime, wake, 10, 4]
    assert answers(machine, "futex", 1, asked) == [True] * 4 + [False] * 3
    assert answers(machine, "futex", 1, [wake], gpu=True) == [True]
    assert answers(machine, "membarrier", 0, [0, 8, 1, 2]) == [True, True, False, False]


def test_a_pair_of_sockets_is_of_streams_and_names_no_address(machine: Machine) -> None:
    stream, datagram, sequence, close_on_exec = 1, 2, 5, 0x80000
    asked = [stream, stream | close_on_exec, sequence, datagram, datagram | close_on_exec]
    assert answers(machine, "socketpair", 1, asked) == [True] * 3 + [False] * 2
    assert answers(machine, "socketpair", 0, [1, 2, 30]) == [True, False, False]
    assert answers(machine, "sendto", 5, [0, 110]) == [True, False]


def test_a_process_names_its_threads_and_changes_nothing_else_of_itself(machine: Machine) -> None:
    assert answers(machine, "prctl", 0, [15, 3, kernel.PR_SET_PDEATHSIG, 4, 22, 62, 35]) == [True, True] + [False] * 5
