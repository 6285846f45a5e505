"""Run whole searches without training a network or an LLM: trials end at once, results follow from the network's id."""

import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from nnloop import build
from nnloop.corpus import seeds
from nnloop.executor import Executor
from nnloop.records import COMPLETED, Network, Status, Trial, TrialResult
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings
from nnloop.settings.members import members
from nnloop.stop import Stop

PLAIN = ("dataset=digits", "tracker=none", "novelty=off")


class KilledError(Exception):
    """Stands for the end of the process."""


class Instant:
    """Judges at once; `lives` submissions after which it dies, for a run that is killed there."""

    def __init__(self, lives: int | None = None) -> None:
        self.lives = lives
        self.trained: list[str] = []

    def submit(self, trial: Trial) -> Future[TrialResult]:
        if self.lives is not None and len(self.trained) >= self.lives:
            raise KilledError
        self.trained.append(trial.candidate.id)
        future: Future[TrialResult] = Future()
        future.set_result(made_up(trial.candidate.id))
        return future


class Shuffled:
    """Judges after a moment that is drawn anew every time, so that trials end in any order."""

    def submit(self, trial: Trial) -> Future[TrialResult]:
        future: Future[TrialResult] = Future()
        result = made_up(trial.candidate.id)
        threading.Timer(random.SystemRandom().uniform(0, 0.02), lambda: future.set_result(result)).start()
        return future


def made_up(candidate: str) -> TrialResult:
    """Made up, and always the same for a network: one in seven fails."""
    number = int(candidate.partition("-")[0], 16)
    if number % 7 == 0:
        status = (Status.BUILD_FAILED, Status.BAD_SHAPE, Status.CRASHED)[number // 7 % 3]
        return TrialResult(status, reason=f"made up for {candidate}")
    return TrialResult(Status.OK, val_accuracy=number % 1000 / 1000, params=1000 + number % 100_000)


def judged_on(datasets: Iterable[str]) -> list[tuple[Network, TrialResult]]:
    """The corpus on each dataset of a pool, with the same made-up results."""
    return [(network.on(name), result) for name in datasets for network, result in judged()]


def judged() -> list[tuple[Network, TrialResult]]:
    """The corpus with made-up results."""
    results = [(network, made_up(network.id)) for network in seeds()]
    return [
        (replace(network, val_accuracy=r.val_accuracy if r.status in COMPLETED else None, params=r.params), r)
        for network, r in results
    ]


def search(
    configure: Callable[..., Settings], folder: Path, *overrides: str, executor: Executor | None = None
) -> RunFolder:
    """Run one search of the settings, or what is missing of it."""
    return run(configure(*PLAIN, *overrides), folder, executor or Instant())


def run(
    settings: Settings, folder: Path, executor: Executor, corpus: list[tuple[Network, TrialResult]] | None = None
) -> RunFolder:
    run = RunFolder(folder)
    run.open(settings)
    known = judged_on(members(settings)) if corpus is None else corpus
    with (
        Stop(settings.executor.grace_s) as stop,
        build.make_search(settings, run, executor=executor, corpus=known, stop=stop) as job,
    ):
        job.run()
    return run
