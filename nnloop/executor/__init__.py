"""Executors, which run trials: on this machine (local) or on a SLURM cluster (slurm)."""

from concurrent.futures import Future
from typing import Protocol

from nnloop.records import Candidate, Limits, Trial, TrialResult
from nnloop.seeding import derive
from nnloop.settings import Settings


class Executor(Protocol):
    """A place to run trials; thread-safe."""

    def submit(self, trial: Trial) -> Future[TrialResult]:
        """Queue a trial. A candidate's failure is a result; the future raises only if no trial can be run."""
        ...


def make_trial(settings: Settings, candidate: Candidate, seed: int | None = None) -> Trial:
    """Make the trial of a candidate; `seed` None: a seed that depends only on the run's seed and the network.

    A candidate of a pool names its dataset; any other is trained on the only one of the settings.
    """
    return Trial(
        candidate,
        dataset=candidate.dataset or settings.dataset.name,
        proxy=settings.proxy.name,
        epochs=settings.proxy.epochs,
        seed=derive(settings.seed, "trial", candidate.id) if seed is None else seed,
        limits=Limits(settings.executor.wall_s, int(settings.executor.memory_gb * 2**30)),
    )
