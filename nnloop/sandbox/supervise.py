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

from nnloop.records import Record
from nnloop.sandbox import cgroup, confinement, kernel, layers, root, wire
from nnloop.sandbox.confinement import LINUX, Rules
from nnloop.sandbox.view import View
from nnloop.sandbox.wire import Ending, Order

POLL_S = 0.1  # between looks at the memory in use
DRAIN_S = 2.0  # for what is left in the pipes of a dead process
BROKEN = 113  # exit code of a candidate's process whose wall could not be built
REPORT_SLACK_BYTES = 1 << 20  # of a report beside its logits: the operator graph, above all
CPU_SLACK_S = 5


@dataclass(frozen=True, slots=True)
class Site(Record):
    """What all trials of one warm process run in."""

    layers: layers.Layers
    view: View
    groups: cgroup.Home | None
    scratch: str  # the folder of their scratch folders; empty where each trial has a root of its own
    scratch_mb: int
    report_bytes: int  # the largest report


@dataclass(slots=True)
class _Watched:
    """A candidate's process and what has come from it."""

    pid: int
    baseline: int  # resident bytes that it was born with
    report: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    cause: str = "exit"


Work = Callable[[Order, int], None]


def supervise(parent: socket.socket, site: Site, work: Work) -> None:
    """Run one trial for the parent at the other end of the socket; a parent that hangs up ends it."""
    message = wire.receive(parent)
    if message is None:
        return
    order = Order.from_json(message)
    parent.sendall(b"!")  # the clock of the parent starts
    scratch = tempfile.mkdtemp(dir=site.scratch) if site.scratch else ""
    group = None
    try:
        if site.groups:
            name = f"{group_prefix(os.getppid())}{os.getpid()}"
            group = cgroup.Group(site.groups, name, order.memory_bytes, confinement.PROCESSES)
        ending, report = _run(parent, order, site, scratch, group, work)
        wire.send(parent, ending.to_json())
        parent.sendall(report)
    finally:
        if group:
            group.remove()
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def group_prefix(warm: int) -> str:
    """How the control groups of a warm process's trials are called."""
    return f"nnloop-{warm}-"


def _run(
    parent: socket.socket, order: Order, site: Site, scratch: str, group: cgroup.Group | None, work: Work
) -> tuple[Ending, bytes]:
    cpu_s = int(order.wall_s * (os.cpu_count() or 1)) + CPU_SLACK_S
    rules = Rules(site.layers, site.view, scratch, site.scratch_mb, order.memory_bytes, cpu_s)
    if LINUX:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        layers.enter(rules.layers)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    report_in, report_out = os.pipe()
    output_in, output_out = os.pipe()
    go_in, go_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_out)
        _become_candidate(order, rules, report_out, output_out, go_in, work)
    for descriptor in (report_out, output_out, go_in):
        os.close(descriptor)
    watched = _Watched(pid, _resident_bytes(pid))
    if group:
        group.add(pid)  # takes the kernel some ms, while the candidate's process builds its own side of the wall
    os.close(go_out)
    _watch(watched, parent, {report_in: _largest_report(order, site), output_in: order.output_bytes}, order, rules)
    code, peak = _bury(pid)
    if code == BROKEN:
        watched.cause = "broken"
    elif code == -signal.SIGKILL and group and group.out_of_memory():
        watched.cause = "memory"
    tail = bytes(watched.output[-2000:]).decode("utf-8", "replace")
    ending = Ending(watched.cause, code, peak, tail, len(watched.report))
    return ending, bytes(watched.report)


def _largest_report(order: Order, site: Site) -> int:
    return site.report_bytes + (wire.LARGEST_STATE if order.until is not None else 0)


def _become_candidate(order: Order, rules: Rules, report: int, output: int, go: int, work: Work) -> None:
    """Turn this fork into the candidate's process, once the supervisor closes `go`; never returns."""
    code = BROKEN
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        for target, source in ((0, null), (1, output), (2, output)):
            os.dup2(source, target)
        os.setpgid(0, 0)
        confinement.confine(rules, keep={report, go})
        os.read(go, 1)
        os.close(go)
        code = 1
        work(order, report)
        code = 0
    except BaseException as error:  # SystemExit too: what a child did not finish it did not do
        if code == BROKEN:
            os.write(2, f"{type(error).__name__}: {error}".encode()[:1000])
    finally:
        os._exit(code)


def _watch(watched: _Watched, parent: socket.socket, pipes: dict[int, int], order: Order, rules: Rules) -> None:
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
                kill_children()  # which keep its pipes open
            elif watched.cause == "exit":
                deadline = _check_limits(watched, rules, pipes[report_in]) or deadline
    for pipe in pipes:
        os.close(pipe)


def _check_limits(watched: _Watched, rules: Rules, largest: int) -> float | None:
    if len(watched.report) > largest:
        return _end(watched, "flood")
    if _resident_bytes(watched.pid) - watched.baseline > rules.memory_bytes:
        return _end(watched, "memory")
    if rules.scratch and _is_full(rules.scratch, rules.scratch_mb << 20):
        return _end(watched, "disk")
    return None


def _is_full(folder: str, limit: int) -> bool:
    """Whether a scratch folder on the machine's own disk holds too much, in bytes or in files."""
    size = files = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue  # gone meanwhile
        files += len(names) + 1
        if size > limit or files > root.MOST_FILES:
            return True
    return False


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
        kill_children()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    unit = 1024 if LINUX else 1
    return os.waitstatus_to_exitcode(status), int(usage.ru_maxrss) * unit


def _has_exited(pid: int) -> bool:
    return LINUX and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_children() -> None:
    """Kill the children of this process: for a supervisor, what a dead candidate has left to it."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        children = []
    for child in children:
        _kill(child)


def _resident_bytes(pid: int) -> int:
    """Memory of its own and shared memory, without pages of files: reading a large data set is not using memory."""
    try:
        with open(f"/proc/{pid}/status") as file:
            rows = dict(line.split(":", 1) for line in file if line.startswith(("RssAnon", "RssShmem")))
        return sum(int(row.split()[0]) for row in rows.values()) * 1024
    except (OSError, IndexError, ValueError):
        return 0
