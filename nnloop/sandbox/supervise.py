"""One trial's supervisor: forks the candidate's process, holds it to its limits, and reports how it ended.

It runs no candidate code. It trusts nothing that comes from the candidate: bytes are counted and passed on.
"""

import os
import selectors
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nnloop.sandbox import guard, kernel, layers, wire
from nnloop.sandbox.guard import LINUX, Rules
from nnloop.sandbox.view import View
from nnloop.sandbox.wire import Ending, Order

POLL_S = 0.1  # between looks at the memory in use
DRAIN_S = 2.0  # for what is left in the pipes of a dead process
BROKEN = 113  # exit code of a candidate's process whose wall could not be built
REPORT_SLACK_BYTES = 1 << 16  # of a report beside its logits
CPU_SLACK_S = 5


@dataclass(slots=True)
class _Watched:
    """A candidate's process and what has come from it."""

    pid: int
    baseline: int  # resident bytes that it was born with
    report: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    cause: str = "exit"


Work = Callable[[Order, int], None]


def supervise(
    parent: socket.socket, found: layers.Layers, view: View, scratch_mb: int, logit_bytes: int, work: Work
) -> None:
    """Run one trial for the parent at the other end of the socket; a parent that hangs up ends it."""
    message = wire.receive(parent)
    if message is None:
        return
    order = Order.from_json(message)
    parent.sendall(b"!")  # the clock of the parent starts
    scratch = "" if found.root else tempfile.mkdtemp(prefix="nnloop-")
    try:
        cpu_s = int(order.wall_s * (os.cpu_count() or 1)) + CPU_SLACK_S
        rules = Rules(found, view, scratch, scratch_mb, order.memory_bytes, cpu_s)
        ending, report = _run(parent, order, rules, logit_bytes + REPORT_SLACK_BYTES, work)
        wire.send(parent, ending.to_json())
        parent.sendall(report)
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def _run(parent: socket.socket, order: Order, rules: Rules, largest: int, work: Work) -> tuple[Ending, bytes]:
    if LINUX:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        layers.enter(rules.layers)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    report_in, report_out = os.pipe()
    output_in, output_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_candidate(order, rules, report_out, output_out, work)
    os.close(report_out)
    os.close(output_out)
    watched = _Watched(pid, _resident_bytes(pid))
    _watch(watched, parent, {report_in: largest, output_in: order.output_bytes}, order)
    code, peak = _bury(pid)
    watched.cause = "broken" if code == BROKEN else watched.cause
    tail = bytes(watched.output[-2000:]).decode("utf-8", "replace")
    ending = Ending(watched.cause, code, peak, tail, len(watched.report))
    return ending, bytes(watched.report)


def _become_candidate(order: Order, rules: Rules, report: int, output: int, work: Work) -> None:
    """Turn this fork into the candidate's process; never returns."""
    code = BROKEN
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        for target, source in ((0, null), (1, output), (2, output)):
            os.dup2(source, target)
        os.setpgid(0, 0)
        guard.confine(rules, keep={report})
        code = 1
        work(order, report)
        code = 0
    except BaseException as error:
        if code == BROKEN:
            os.write(2, f"{type(error).__name__}: {error}".encode()[:1000])
    finally:
        os._exit(code)


def _watch(watched: _Watched, parent: socket.socket, pipes: dict[int, int], order: Order) -> None:
    """Collect what the candidate sends until both pipes close, and kill it where it goes beyond its limits."""
    deadline = time.monotonic() + order.wall_s
    report_in, output_in = pipes
    with selectors.DefaultSelector() as selector:
        selector.register(parent, selectors.EVENT_READ)
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        waiting = set(pipes)
        while waiting:
            now = time.monotonic()
            if now >= deadline:
                if watched.cause != "exit":
                    break  # something keeps the pipes of the dead open
                deadline = _end(watched, "timeout")
            for key, _ in selector.select(min(POLL_S, max(0.0, deadline - now))):
                if key.fileobj is parent:
                    selector.unregister(parent)
                    deadline = _end(watched, "cancelled")
                elif not (data := os.read(key.fd, 1 << 16)):
                    selector.unregister(key.fd)
                    waiting.discard(key.fd)
                elif key.fd == report_in:
                    watched.report += data
                else:
                    watched.output = (watched.output + data)[-pipes[output_in] :]
            if _has_exited(watched.pid):
                _kill_orphans()  # which keep its pipes open
            elif watched.cause == "exit":
                deadline = _check_limits(watched, order, pipes[report_in]) or deadline
    for pipe in pipes:
        os.close(pipe)


def _check_limits(watched: _Watched, order: Order, largest: int) -> float | None:
    if len(watched.report) > largest:
        return _end(watched, "flood")
    if _resident_bytes(watched.pid) - watched.baseline > order.memory_bytes:
        return _end(watched, "memory")
    return None


def _end(watched: _Watched, cause: str) -> float:
    """Kill the candidate for a cause; returns until when its pipes are still read."""
    watched.cause = cause
    _kill(watched.pid)
    return time.monotonic() + DRAIN_S


def _kill(pid: int) -> None:
    """Kill the candidate's process; as the first of a pid namespace it takes everything in there along."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _bury(pid: int) -> tuple[int, int]:
    """Reap the candidate and what it left behind; return its exit code and peak memory in bytes."""
    _kill(pid)  # it has closed its pipes: either it is gone, or nothing more can come from it
    if LINUX:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _kill(pid)  # its process group; its number can't belong to another yet
    _, status, usage = os.wait4(pid, 0)
    while True:
        _kill_orphans()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    unit = 1024 if LINUX else 1
    return os.waitstatus_to_exitcode(status), int(usage.ru_maxrss) * unit


def _has_exited(pid: int) -> bool:
    return LINUX and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_orphans() -> None:
    """Kill the children of this process: a dead candidate's processes, which have become its own."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        children = []
    for child in children:
        _kill(child)


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
