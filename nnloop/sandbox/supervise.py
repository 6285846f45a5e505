"""One trial's supervisor: forks the candidate's process, holds it to its limits, and reports how it ended.

It runs no candidate code. It trusts nothing that comes from the candidate: bytes are counted and passed on.
"""

import os
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from nnloop.sandbox import kernel, layers, wire
from nnloop.sandbox.cgroup import Group
from nnloop.sandbox.config import ProbedSandbox, group_prefix
from nnloop.sandbox.confinement import LINUX, PROCESSES, Confinement, confine
from nnloop.sandbox.scratch import is_full, remove
from nnloop.sandbox.share import Share, cpu_seconds
from nnloop.sandbox.wire import ExitInfo, TrialRequest

POLL_S = 0.1  # between two checks of the memory in use
DRAIN_S = 2.0  # the time to read the rest of a dead process's pipes
START_S = 60.0  # the longest time until a forked process reaches the candidate's code
READY = b"ready"
LARGEST_FAULT_BYTES = 1000
OUTPUT_TAIL_BYTES = 2000

Work = Callable[[int], Callable[[], None]]
"""Make everything ready; the function returned runs the candidate, and writes the report to the given descriptor.
A failure of the first is ours, a failure of the second is the candidate's."""
MakeWork = Callable[[TrialRequest, bytes], Work]
"""Open the files that a request is about, in the supervisor: the candidate's process has no others."""


@dataclass(slots=True)
class _Candidate:
    """A candidate's process, its bounds, and everything that has come from it."""

    pid: int
    request: TrialRequest
    confinement: Confinement
    ready_pipe: int
    report_pipe: int
    output_pipe: int
    born_bytes: int  # resident memory at the fork
    report: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    cause: str = "exit"
    fault: str = ""


def supervise(parent: socket.socket, sandbox: ProbedSandbox, make_work: MakeWork, *, start_s: float = START_S) -> None:
    """Run one trial for the parent at the other end of the socket; a parent that hangs up ends it.

    A process that has not reached the candidate's code after `start_s` is a fault of ours.
    """
    message = wire.receive(parent)
    if message is None:
        return
    request = TrialRequest.from_json(message)
    weights = wire.receive_exactly(parent, request.weights_bytes or 0)
    parent.sendall(b"!")  # the clock of the parent starts
    work = make_work(request, weights)
    with ExitStack() as stack:
        scratch, group = "", None
        if sandbox.scratch:
            scratch = tempfile.mkdtemp(dir=sandbox.scratch)
            stack.callback(remove, scratch)
        if sandbox.groups:
            name = f"{group_prefix(os.getppid())}{os.getpid()}"
            memory_bytes = request.limits.memory_bytes
            group = Group(sandbox.groups, name, memory_bytes=memory_bytes, processes=PROCESSES, cores=request.cores)
            stack.callback(group.remove)
        candidate = _start(
            request, Confinement(sandbox, request.limits, request.cores, scratch=scratch), group=group, work=work
        )
        candidate.fault = _read_fault(candidate.ready_pipe, start_s)
        if not candidate.fault:
            _watch(
                candidate, parent, Share(candidate.pid, request.cores, kept_by_kernel=bool(group and group.shares_cpu))
            )
        exit_info = _reap(candidate, group)
        wire.send(parent, exit_info.to_json())
        parent.sendall(candidate.report)


def _start(request: TrialRequest, confinement: Confinement, *, group: Group | None, work: Work) -> _Candidate:
    """Fork the candidate's process, and put it into its control group before it begins."""
    if LINUX:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        layers.enter(confinement.sandbox.layers)
    report_in, report_out = os.pipe()
    output_in, output_out = os.pipe()
    go_in, go_out = os.pipe()
    ready_in, ready_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_out)
        theirs = _Descriptors(report=report_out, output=output_out, go=go_in, ready=ready_out)
        _become_candidate(lambda: work(report_out), confinement, theirs)
    if LINUX:
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    for descriptor in (report_out, output_out, go_in, ready_out):
        os.close(descriptor)
    born_bytes = _resident_bytes(pid)
    if group:
        group.add(pid)  # takes the kernel some ms, while the candidate's process builds its own side of the wall
    os.close(go_out)
    return _Candidate(
        pid,
        request,
        confinement,
        ready_pipe=ready_in,
        report_pipe=report_in,
        output_pipe=output_in,
        born_bytes=born_bytes,
    )


def _be_killed_first() -> None:
    """Have the kernel end this process before all others, its supervisor included, where memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        return  # some machines forbid it


def _read_fault(ready: int, start_s: float) -> str:
    """Wait until the candidate's process has reached the candidate's code; return the reason if it has not."""
    said, deadline = b"", time.monotonic() + start_s
    with open(ready, "rb", buffering=0) as file, selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            data = file.read(LARGEST_FAULT_BYTES)
            if not data:
                fault = said.decode("utf-8", "replace") or "its process ended before the candidate's code"
                return "" if said == READY else fault
            said += data
    return f"the candidate's code was not reached within {start_s:g} s"


@dataclass(frozen=True, slots=True)
class _Descriptors:
    """The candidate's ends of its pipes."""

    report: int
    output: int
    go: int
    ready: int  # closed before the candidate's code runs, so nothing that the code does can claim our fault


def _become_candidate(prepare: Callable[[], Callable[[], None]], confinement: Confinement, pipes: _Descriptors) -> None:
    """Turn this fork into the candidate's process, once the supervisor closes `go`; never returns."""
    code, ready = 1, False
    try:
        if LINUX:
            _be_killed_first()  # its file is root's from the next line on
            if confinement.sandbox.layers.root:  # else the supervisor looks for its unlinked files
                kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        null = os.open("/dev/null", os.O_RDONLY)
        for target, source in ((0, null), (1, pipes.output), (2, pipes.output)):
            os.dup2(source, target)
        os.setpgid(0, 0)
        confine(confinement, open_descriptors={pipes.report, pipes.go, pipes.ready})
        os.read(pipes.go, 1)
        os.close(pipes.go)
        run = prepare()
        ready = True
        os.write(pipes.ready, READY)
        os.close(pipes.ready)
        run()
        code = 0
    except BaseException as error:  # SystemExit too: a child has done only the work that it finished
        if not ready:
            os.write(pipes.ready, f"{type(error).__name__}: {error}".encode()[:LARGEST_FAULT_BYTES])
    finally:
        os._exit(code)


def _watch(candidate: _Candidate, parent: socket.socket, share: Share) -> None:
    """Collect the candidate's report and output until both pipes close; kill it if it exceeds a limit."""
    limits = candidate.request.limits
    deadline = time.monotonic() + limits.longest_s
    waiting = {candidate.report_pipe, candidate.output_pipe}
    with selectors.DefaultSelector() as selector:
        for descriptor in (parent.fileno(), *waiting):
            selector.register(descriptor, selectors.EVENT_READ)
        while waiting:
            now = time.monotonic()
            if now >= deadline:
                if candidate.cause != "exit":
                    break  # another process keeps the dead one's pipes open
                deadline = _end(candidate, "timeout")
            for key, _ in selector.select(min(POLL_S, max(0.0, deadline - now))):
                if key.fd == parent.fileno():
                    selector.unregister(key.fd)
                    deadline = _end(candidate, "cancelled")
                elif not (data := os.read(key.fd, 1 << 16)):
                    selector.unregister(key.fd)
                    waiting.discard(key.fd)
                elif key.fd == candidate.report_pipe:
                    candidate.report += data
                else:
                    candidate.output = (candidate.output + data)[-limits.output_bytes :]
            if _has_exited(candidate.pid):
                kill_children()  # which keep its pipes open
            elif candidate.cause == "exit" and (cause := _exceeded(candidate)):
                deadline = _end(candidate, cause)
            else:
                share.keep()


def _exceeded(candidate: _Candidate) -> str | None:
    """Return the name of the limit that the candidate exceeds; None if it exceeds none."""
    request, scratch, config = candidate.request, candidate.confinement.scratch, candidate.confinement.sandbox.config
    if cpu_seconds(candidate.pid) >= request.limits.wall_s * request.cores:
        return "timeout"
    if len(candidate.report) > _largest_report(request, config.logit_bytes):
        return "flood"
    if _resident_bytes(candidate.pid) - candidate.born_bytes > request.limits.memory_bytes:
        return "memory"
    if _status(candidate.pid, "Threads") > PROCESSES:
        return "threads"
    if scratch and is_full(scratch, config.scratch_mb << 20, candidate.pid):
        return "disk"
    return None


def _largest_report(request: TrialRequest, logit_bytes: int) -> int:
    """Return the most bytes that a report may have: its lines, and logits, or a state and weights."""
    if request.weights_bytes is not None:
        return wire.LARGEST_EVENTS + logit_bytes
    return wire.LARGEST_EVENTS + request.largest_weights + (0 if request.until is None else wire.LARGEST_STATE)


def _end(candidate: _Candidate, cause: str) -> float:
    """Kill the candidate for a cause; return the time until which its pipes are still read."""
    candidate.cause = cause
    _kill(candidate.pid)
    return time.monotonic() + DRAIN_S


def _kill(pid: int) -> None:
    """Kill the candidate's process; if it is the first of a pid namespace, the whole namespace dies with it."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reap(candidate: _Candidate, group: Group | None) -> ExitInfo:
    """Collect the candidate's exit code and peak memory, and kill every process that it has left."""
    pid = candidate.pid
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
    code, cause = os.waitstatus_to_exitcode(status), candidate.cause
    if candidate.fault:
        cause = "broken"
    elif code == -signal.SIGKILL and group and group.out_of_memory():
        cause = "memory"
    return ExitInfo(
        cause,
        code,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=int(usage.ru_maxrss) * (1024 if LINUX else 1),
        output=candidate.output[-OUTPUT_TAIL_BYTES:].decode("utf-8", "replace"),
        report_bytes=len(candidate.report),
        fault=candidate.fault,
    )


def _has_exited(pid: int) -> bool:
    return LINUX and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_children() -> None:
    """Kill the children of this process: for a supervisor, the processes that a dead candidate has left to it."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        children = []
    for child in children:
        _kill(child)


def _resident_bytes(pid: int) -> int:
    """Return a process's private and shared memory, without pages of files, so that reading data does not count."""
    return (_status(pid, "RssAnon") + _status(pid, "RssShmem")) * 1024


def _status(pid: int, name: str) -> int:
    """Return a number from the status of a process; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(next(line for line in file if line.startswith(f"{name}:")).split()[1])
    except (OSError, StopIteration, IndexError, ValueError):
        return 0
