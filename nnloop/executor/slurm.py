"""Trials as SLURM job arrays: one search feeds many evaluation nodes over a shared file system.

submitit submits; it learns of dead jobs from sacct alone, which many sites have switched off, so what lives is asked of
squeue, and results come as lines of files that the jobs append to. A trial whose job is gone without a result is run
again, `executor.retries` times. The jobs of a process that was killed are cancelled by the next, which keeps what they
had finished.
"""

import hashlib
import json
import logging
import math
import os
import subprocess
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nnloop.errors import UserError
from nnloop.executor import node
from nnloop.records import Status, Trial, TrialResult
from nnloop.runs.durable import make_folder, write_text

if TYPE_CHECKING:
    from nnloop.settings import SlurmExecutorSettings

ALIVE = frozenset({"PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "REQUEUED", "RESIZING"})
HOPELESS = ("held", "JobHeld", "BadConstraints", "DependencyNeverSatisfied", "NodeNotAvail_UnkillableTask")
"""Parts of the reasons for which SLURM never starts a waiting job."""
BUSY = ("Unable to contact", "timed out", "temporarily", "MaxSubmitJob", "try again")
"""Parts of what sbatch says when the same submission may do later."""
VISIBLE_S = 10.0  # until a file that a dead job wrote on its node must show here
PATIENCE_S = 600.0  # of a controller that does not answer
STARTUP_S = 300.0  # of a job, imports on a busy node included
PARAMETERS = ("partition", "account", "qos", "constraint", "gres")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Ticket:
    """One trial on its way; `losses` counts the jobs that it was lost with."""

    trial: Trial
    future: "Future[TrialResult]"
    losses: int = 0


@dataclass(slots=True)
class _Chunk:
    """The trials of one job. `gone_at` is when it was first missed, by this process's steady clock."""

    orders: Path
    tickets: dict[str, _Ticket] = field(default_factory=dict)  # without a result, by the trial's key
    gone_at: float | None = None


class SlurmExecutor:
    """Judges trials on a cluster. Thread-safe.

    `folder` has to be on a file system that all nodes share; `start` makes a node's own executor, and travels there in
    the jobs as a pickle.
    """

    def __init__(self, settings: "SlurmExecutorSettings", folder: Path, start: node.Start) -> None:
        self._settings, self._folder, self._start = settings, (folder / "slurm").resolve(), start
        self.name = f"nnloop-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:10]}"
        self._queue: deque[_Ticket] = deque()
        self._chunks: dict[str, _Chunk] = {}  # by job id
        self._changed = threading.Condition()
        self._closed = False
        self._silent_since: float | None = None  # the controller
        _cancel(self.name)
        self._known = _finished(self._folder)
        self._thread = threading.Thread(target=self._run, daemon=True, name="slurm")
        self._thread.start()

    def submit(self, trial: Trial) -> "Future[TrialResult]":
        """Queue a trial. The future raises UserError where the cluster takes no jobs, and nothing else."""
        ticket = _Ticket(trial, Future())
        with self._changed:
            if (result := self._known.get(node.key(trial))) is not None:
                ticket.future.set_result(result)
            else:
                self._queue.append(ticket)
        return ticket.future

    def close(self) -> None:
        """Drop what is queued and cancel what is running."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        if self._chunks:
            _cancel(self.name)
        for ticket in [*self._queue, *self._flying()]:
            if not ticket.future.cancel():
                ticket.future.set_result(TrialResult(Status.INFRASTRUCTURE, "the executor was closed"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closed:
            try:
                self._collect()
                self._look()
                self._dispatch()
            except (UserError, OSError) as error:
                self._give_up(error)
            with self._changed:
                if not self._closed:
                    self._changed.wait(self._settings.poll_s)

    def _collect(self) -> None:
        """Hand over the results that have come."""
        for chunk in self._chunks.values():
            for key, result in node.results(chunk.orders).items():
                if (ticket := chunk.tickets.pop(key, None)) is None:
                    continue
                if result.status is Status.INFRASTRUCTURE:
                    self._lost(ticket, result.reason)
                else:
                    ticket.future.set_result(result)
        self._chunks = {job: chunk for job, chunk in self._chunks.items() if chunk.tickets}

    def _look(self) -> None:
        """Find the jobs that ended without having given all results."""
        if not self._chunks:
            return
        states = self._states()
        if states is None:
            return
        for job, chunk in list(self._chunks.items()):
            state, reason = states.get(job, ("", ""))
            hopeless = any(part in reason for part in HOPELESS)
            if state in ALIVE and not hopeless:
                chunk.gone_at = None
            elif chunk.gone_at is None:
                chunk.gone_at = time.monotonic()
            elif time.monotonic() - chunk.gone_at > min(VISIBLE_S, 4 * self._settings.poll_s):
                if hopeless:
                    _scancel(job)
                self._bury(job, chunk, reason if hopeless else f"ended as {state or 'one that squeue does not list'}")

    def _bury(self, job: str, chunk: _Chunk, how: str) -> None:
        del self._chunks[job]
        log.warning("SLURM job %s %s, %d trials are without a result", job, how, len(chunk.tickets))
        for ticket in chunk.tickets.values():
            self._lost(ticket, f"SLURM job {job} {how}")

    def _lost(self, ticket: _Ticket, reason: str) -> None:
        ticket.losses += 1
        if ticket.losses > self._settings.retries:
            ticket.future.set_result(TrialResult(Status.INFRASTRUCTURE, reason[:300]))
        else:
            with self._changed:
                self._queue.appendleft(ticket)

    def _states(self) -> dict[str, tuple[str, str]] | None:
        """State and reason of this executor's jobs by id; None where the controller does not answer."""
        command = ["squeue", "--noheader", "--array", f"--name={self.name}", "--format=%i|%T|%r"]
        done = _ask(command)
        if done is not None:
            self._silent_since = None
            rows = [line.split("|", 2) for line in done.splitlines() if line.count("|") >= 2]
            return {job: (state, reason) for job, state, reason in rows}
        self._wait_for_controller("squeue does not answer")
        return None

    def _wait_for_controller(self, why: str) -> None:
        self._silent_since = self._silent_since or time.monotonic()
        if time.monotonic() - self._silent_since > PATIENCE_S:
            raise UserError(f"executor=slurm: given up after {PATIENCE_S / 60:.0f} minutes: {why}")

    def _dispatch(self) -> None:
        """Submit queued trials as one array, as many as may be in flight."""
        with self._changed:
            room = self._settings.workers - len(self._flying())
            tickets: list[_Ticket] = []
            while self._queue and len(tickets) < room:
                ticket = self._queue.popleft()
                if ticket.future.running() or ticket.future.set_running_or_notify_cancel():
                    tickets.append(ticket)
        size = self._settings.trials_per_job
        groups = [tickets[start : start + size] for start in range(0, len(tickets), size)]
        if not groups:
            return
        chunks = [self._write(group) for group in groups]
        try:
            jobs = self._submit([chunk.orders for chunk in chunks])
        except UserError as error:
            with self._changed:
                self._queue.extendleft(reversed(tickets))
            if not any(part in str(error) for part in BUSY):
                raise
            self._wait_for_controller(str(error))
        else:
            self._chunks |= dict(zip(jobs, chunks, strict=True))

    def _write(self, tickets: list[_Ticket]) -> _Chunk:
        """Write the orders of one job."""
        make_folder(self._folder / "trials")
        orders = self._folder / "trials" / f"{uuid.uuid4().hex[:12]}.json"
        write_text(orders, json.dumps([ticket.trial.to_json() for ticket in tickets]))
        return _Chunk(orders, {node.key(ticket.trial): ticket for ticket in tickets})

    def _submit(self, orders: list[Path]) -> list[str]:
        """Submit an array with one job for every file of orders; return the job ids. Raises UserError."""
        import submitit

        try:
            with outside_of_slurm():
                executor = submitit.SlurmExecutor(folder=self._folder / "jobs" / "%j", max_num_timeout=0)
                executor.update_parameters(**self._parameters())
                jobs = executor.map_array(node.work, orders, [self._start] * len(orders))
        except (RuntimeError, ValueError, subprocess.CalledProcessError, submitit.core.utils.FailedJobError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            said = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no reason given")
            raise UserError(f"executor=slurm: the cluster takes no job: {said}") from None
        return [str(job.job_id) for job in jobs]

    def _parameters(self) -> dict[str, Any]:
        settings = self._settings
        seconds = STARTUP_S + settings.trials_per_job * (settings.wall_s + 30)
        named = {name: value for name in PARAMETERS if (value := getattr(settings, name)) is not None}
        return {
            "job_name": self.name,
            "time": math.ceil(seconds / 60),
            "cpus_per_task": settings.cpus,
            "mem": f"{math.ceil(settings.memory_gb + settings.overhead_gb)}GB",
            "array_parallelism": settings.workers,
            "stderr_to_stdout": True,
            "setup": settings.setup or None,
            "additional_parameters": settings.additional,
            **named,
        }

    def _flying(self) -> list[_Ticket]:
        return [ticket for chunk in self._chunks.values() for ticket in chunk.tickets.values()]

    def _give_up(self, error: Exception) -> None:
        """Tell everybody who waits."""
        with self._changed:
            waiting = [*self._queue, *self._flying()]
            self._queue.clear()
            self._chunks.clear()
        for ticket in waiting:
            if ticket.future.running() or ticket.future.set_running_or_notify_cancel():
                ticket.future.set_exception(error)


@contextmanager
def outside_of_slurm() -> Iterator[None]:
    """Hide the job that this process itself may run in: its limits would contradict those of the jobs it submits."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith(("SLURM_", "SBATCH_", "SUBMITIT_"))}
    hidden.pop("SLURM_CONF", None)
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _finished(folder: Path) -> dict[str, TrialResult]:
    """What the jobs of earlier processes gave, by the trial's key."""
    found: dict[str, TrialResult] = {}
    for orders in sorted((folder / "trials").glob("*.json")):
        found |= node.results(orders)
    return {key: result for key, result in found.items() if result.status is not Status.INFRASTRUCTURE}


def _cancel(name: str) -> None:
    _ask(["scancel", f"--name={name}"])


def _scancel(job: str) -> None:
    _ask(["scancel", job])


def _ask(command: list[str]) -> str | None:
    """What a command of SLURM's says; None where it fails. Raises UserError where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise UserError(f"executor=slurm: {command[0]} is not installed here; use executor=local") from None
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
