"""Trials on several datasets on this machine: a warm process for each dataset, and one set of workers for all."""

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Self

from nnloop.executor.local import LocalExecutor
from nnloop.records import Trial, TrialResult


class PoolExecutor:
    """An executor that gives each trial to the one that has its dataset; thread-safe."""

    def __init__(self, executors: Mapping[str, LocalExecutor]) -> None:
        """Take the executors by their datasets' names; they share the workers of the first."""
        self._executors = executors
        self._first = next(iter(executors.values()))
        self.shortfalls, self.layers = self._first.shortfalls, self._first.layers

    def submit(self, trial: Trial) -> Future[TrialResult]:
        """Queue a trial. The future never raises: a failure is in the result's status and reason."""
        return self._executors[trial.dataset].submit(trial)

    def close(self) -> None:
        """Drop the queued trials and end the running ones."""
        with contextlib.ExitStack() as stack:
            for executor in self._executors.values():
                stack.callback(executor.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
