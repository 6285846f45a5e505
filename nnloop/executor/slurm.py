"""Trials as SLURM job arrays: one search feeds many evaluation nodes over a shared file system.

Jobs are submitted by submitit. It learns of dead jobs only from sacct, which many sites have switched off, so squeue is
asked which jobs live, and jobs append their results to files. A trial whose job died without a result is run again, up
to `executor.retries` times. If a search is killed, the next start cancels its jobs and reuses their results.
"""

import hashlib
import json
import logging
import math
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nnloop.errors import UserError
from nnloop.executor import node
from nnloop.executor.allotment import STEP_SETUP
from nnloop.records import PATIENCE, Status, Trial, TrialResult
from nnloop.runs.durable import make_folder, write_text
from nnloop.runs.private import make_private
from nnloop.settings import SlurmExecutorSettings

ALIVE = frozenset({"PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "REQUEUED", "RESIZING"})
HOPELESS = ("held", "JobHeld", "BadConstraints", "DependencyNeverSatisfied", "NodeNotAvail_UnkillableTask")
"""Parts of the reasons for which SLURM never starts a waiting job."""
BUSY = ("Unable to contact", "timed out", "temporarily", "MaxSubmitJob", "try again")
"""Parts of the messages with which sbatch refuses a submission that it may accept later."""
VISIBLE_S = 10.0  # the longest delay until a file that a job wrote on its node is visible here
PATIENCE_S = 600.0  # the longest silence of SLURM's controller
STARTUP_S = 300.0  # the longest start of a job, imports on a busy node included
OVERHEAD_GB = 2.0  # of a job beside its trial: the warm process and the dataset
PARAMETERS = ("partition", "account", "qos", "constraint", "gres")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pending:
    """A trial without a result."""

    trial: Trial
    future: Future[TrialResult]
    losses: int = 0  # jobs that died with it


@dataclass(slots=True)
class _Job:
    """A SLURM job and its unfinished trials."""

    requests: Path  # file of all its trials
    pending: dict[str, _Pending]  # by the trial's key
    missing_since: float | None = None  # monotonic time; None while SLURM lists the job


class SlurmExecutor:
    """An executor that runs trials on a cluster; thread-safe."""

    def __init__(self, settings: SlurmExecutorSettings, folder: Path, start: node.Start) -> None:
        """Cancel the jobs that an earlier process left in this folder, and read their results.

        `folder` must be on a file system that all nodes share. `start` makes a node's own executor; the jobs carry it
        as a pickle. Raises UserError if SLURM is not installed, or if others could exchange the pickles.
        """
        self._settings, self._folder, self._start = settings, (folder / "slurm").resolve(), start
        make_private(self._folder)
        self.name = f"nnloop-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:10]}"
        self._queue: deque[_Pending] = deque()
        self._jobs: dict[str, _Job] = {}  # by SLURM's id
        self._changed = threading.Condition()
        self._told: set[str] = set()
        self._closed = False
        self._silent_since: float | None = None  # monotonic time of the controller's last answer
        _ask(["scancel", f"--name={self.name}"])
        self._results = _finished_results(self._folder)
        self._thread = threading.Thread(target=self._run, daemon=True, name="slurm")
        self._thread.start()

    def submit(self, trial: Trial) -> Future[TrialResult]:
        """Queue a trial. The future raises UserError if the cluster takes no jobs, OSError if the file system fails."""
        pending = _Pending(trial, Future())
        with self._changed:
            if (result := self._results.get(node.key(trial))) is not None:
                pending.future.set_result(result)
            else:
                self._queue.append(pending)
        return pending.future

    def close(self) -> None:
        """Drop the queued trials and cancel the running jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        if self._jobs:
            _ask(["scancel", f"--name={self.name}"])
        for pending in [*self._queue, *self._in_flight()]:
            if not pending.future.cancel():
                pending.future.set_result(TrialResult(Status.INFRASTRUCTURE, "the executor was closed"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closed:
            try:
                self._collect()
                self._check_jobs()
                self._dispatch()
            except (UserError, OSError) as error:
                self._fail_all(error)
            with self._changed:
                if not self._closed:
                    self._changed.wait(self._settings.poll_s)

    def _collect(self) -> None:
        """Set the futures whose results have come; retry trials that failed by a fault of their node."""
        for job in self._jobs.values():
            self._warn(node.read_warnings(job.requests))
            for key, result in node.read_results(job.requests).items():
                if (pending := job.pending.pop(key, None)) is None:
                    continue
                if result.status is Status.INFRASTRUCTURE:
                    self._retry(pending, result.reason)
                else:
                    pending.future.set_result(result)
        self._jobs = {name: job for name, job in self._jobs.items() if job.pending}

    def _warn(self, sentences: list[str]) -> None:
        """Log what the nodes lack, each sentence once."""
        for sentence in sentences:
            if sentence not in self._told:
                log.warning("executor=slurm: %s", sentence)
                self._told.add(sentence)

    def _check_jobs(self) -> None:
        """Drop the jobs that ended without all their results."""
        if not self._jobs or (states := self._states()) is None:
            return
        for name, job in list(self._jobs.items()):
            state, reason = states.get(name, ("", ""))
            hopeless = any(part in reason for part in HOPELESS)
            if state in ALIVE and not hopeless:
                job.missing_since = None
            elif job.missing_since is None:
                job.missing_since = time.monotonic()
            elif time.monotonic() - job.missing_since > min(VISIBLE_S, 4 * self._settings.poll_s):
                if hopeless:
                    _ask(["scancel", name])
                self._drop_job(name, reason if hopeless else f"ended as {state or 'one that squeue does not list'}")

    def _drop_job(self, name: str, how: str) -> None:
        job = self._jobs.pop(name)
        log.warning("SLURM job %s %s, %d trials are without a result", name, how, len(job.pending))
        for pending in job.pending.values():
            self._retry(pending, f"SLURM job {name} {how}")

    def _retry(self, pending: _Pending, reason: str) -> None:
        """Queue a lost trial again, or end it with the reason if it has no retries left."""
        pending.losses += 1
        if pending.losses > self._settings.retries:
            pending.future.set_result(TrialResult(Status.INFRASTRUCTURE, reason[:300]))
        else:
            with self._changed:
                self._queue.appendleft(pending)

    def _states(self) -> dict[str, tuple[str, str]] | None:
        """Return each job's state and its reason, by id; None if the controller does not answer."""
        output = _ask(["squeue", "--noheader", "--array", f"--name={self.name}", "--format=%i|%T|%r"])
        if output is not None:
            self._silent_since = None
            rows = [line.split("|", 2) for line in output.splitlines() if line.count("|") >= 2]
            return {job: (state, reason) for job, state, reason in rows}
        self._wait_for_controller("squeue does not answer")
        return None

    def _wait_for_controller(self, why: str) -> None:
        self._silent_since = self._silent_since or time.monotonic()
        if time.monotonic() - self._silent_since > PATIENCE_S:
            raise UserError(f"executor=slurm: given up after {PATIENCE_S / 60:.0f} minutes: {why}")

    def _dispatch(self) -> None:
        """Submit queued trials as one array, up to executor.workers trials in flight."""
        with self._changed:
            room = self._settings.workers - len(self._in_flight())
            batch: list[_Pending] = []
            while self._queue and len(batch) < room:
                pending = self._queue.popleft()
                if pending.future.running() or pending.future.set_running_or_notify_cancel():
                    batch.append(pending)
        if not batch:
            return
        size = self._settings.trials_per_job
        jobs = [self._make_job(batch[start : start + size]) for start in range(0, len(batch), size)]
        try:
            names = self._submit([job.requests for job in jobs])
        except UserError as error:
            with self._changed:
                self._queue.extendleft(reversed(batch))
            if not any(part in str(error) for part in BUSY):
                raise
            self._wait_for_controller(str(error))
        else:
            self._jobs |= dict(zip(names, jobs, strict=True))

    def _make_job(self, batch: list[_Pending]) -> _Job:
        """Write the requests of one job."""
        make_folder(self._folder / "trials")
        requests = self._folder / "trials" / f"{uuid.uuid4().hex[:12]}.json"
        write_text(requests, json.dumps([pending.trial.to_json() for pending in batch]))
        return _Job(requests, {node.key(pending.trial): pending for pending in batch})

    def _submit(self, requests: list[Path]) -> list[str]:
        """Submit an array with one job for every file of requests; return the jobs' ids. Raises UserError."""
        import submitit

        try:
            with outside_of_slurm():
                executor = submitit.SlurmExecutor(folder=self._folder / "jobs" / "%j", max_num_timeout=0)
                executor.update_parameters(**self._parameters())
                jobs = executor.map_array(node.run_trials, requests, [self._start] * len(requests))
        except (RuntimeError, ValueError, subprocess.CalledProcessError, submitit.core.utils.FailedJobError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no reason given")
            raise UserError(f"executor=slurm: the cluster takes no job: {reason}") from None
        return [str(job.job_id) for job in jobs]

    def _parameters(self) -> dict[str, object]:
        settings = self._settings
        seconds = STARTUP_S + settings.trials_per_job * (PATIENCE * settings.wall_s + 30)
        named = {name: value for name in PARAMETERS if (value := getattr(settings, name)) is not None}
        return {
            "job_name": self.name,
            "time": math.ceil(seconds / 60),
            "cpus_per_task": settings.cpus_per_task,
            "mem": f"{math.ceil(settings.mem_gb or settings.memory_gb + OVERHEAD_GB)}GB",
            "array_parallelism": settings.workers,
            "stderr_to_stdout": True,
            "setup": [*settings.setup, STEP_SETUP],
            "additional_parameters": settings.additional_parameters,
            **named,
        }

    def _in_flight(self) -> list[_Pending]:
        return [pending for job in self._jobs.values() for pending in job.pending.values()]

    def _fail_all(self, error: Exception) -> None:
        """Raise the error in every future that has no result."""
        with self._changed:
            waiting = [*self._queue, *self._in_flight()]
            self._queue.clear()
            self._jobs.clear()
        for pending in waiting:
            if pending.future.running() or pending.future.set_running_or_notify_cancel():
                pending.future.set_exception(error)


@contextmanager
def outside_of_slurm() -> Iterator[None]:
    """Hide the SLURM job that this process may run in: its limits would contradict those of the submitted jobs."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith(("SLURM_", "SBATCH_", "SUBMITIT_"))}
    hidden.pop("SLURM_CONF", None)
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _finished_results(folder: Path) -> dict[str, TrialResult]:
    """Read the results of earlier processes' jobs, by the trial's key."""
    results: dict[str, TrialResult] = {}
    for requests in sorted((folder / "trials").glob("*.json")):
        results |= node.read_results(requests)
    return {key: result for key, result in results.items() if result.status is not Status.INFRASTRUCTURE}


def _ask(command: list[str]) -> str | None:
    """Return the output of a SLURM command; None if it fails. Raises UserError if it is not installed."""
    if shutil.which(command[0]) is None:
        raise UserError(f"executor=slurm: {command[0]} is not installed here; use executor=local")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
