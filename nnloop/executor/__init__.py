"""Executors, which run trials: on this machine (local) or on a SLURM cluster (slurm)."""

from concurrent.futures import Future
from typing import Protocol

from nnloop.records import Trial, TrialResult


class Executor(Protocol):
    """A place to run trials, thread-safe."""

    def submit(self, trial: Trial) -> Future[TrialResult]:
        """Queue a trial. A candidate's failure is a result; the future raises only where no trial can be run."""
        ...
