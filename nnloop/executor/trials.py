"""The trial of a candidate, as the settings want it."""

from nnloop.records import Candidate, Limits, Trial
from nnloop.seeding import derive
from nnloop.settings import Settings


def make_trial(settings: Settings, candidate: Candidate) -> Trial:
    """Make the trial of a candidate; its seed depends on the run's and on the network alone."""
    return Trial(
        candidate,
        dataset=settings.dataset.name,
        proxy=settings.proxy.name,
        epochs=settings.proxy.epochs,
        seed=derive(settings.seed, "trial", candidate.id),
        limits=Limits(settings.executor.wall_s, int(settings.executor.memory_gb * 2**30)),
    )
