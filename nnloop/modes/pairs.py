"""Fine-tuning pairs, and the choice of their networks."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnloop.modes import Mode
from nnloop.modes.render import Task
from nnloop.records import Network

_SAMPLES = 50
"""Pairs that are sampled at most for each wanted pair."""


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """One fine-tuning example; the loss is on the completion alone."""

    prompt: str
    completion: str
    parent: str  # id of the network shown
    target: str  # id of the network that the completion leads to


def corpus_pairs(
    networks: Sequence[Network], mode: Mode, task: Task, *, limit: int, rng: random.Random
) -> list[TrainingPair]:
    """Sample up to `limit` pairs of a network and a more accurate one; networks without an accuracy are left out.

    The same networks and generator state give the same pairs.
    """
    known = [network for network in networks if network.val_accuracy is not None]
    improvements = _improvements(known, limit * _SAMPLES, rng)
    pairs = (mode.pair(worse, better, task) for worse, better in improvements if mode.suits(worse.code, better.code))
    return list(itertools.islice(pairs, limit))


def run_pairs(lineage: Sequence[tuple[Network, Network]], mode: Mode, task: Task, *, limit: int) -> list[TrainingPair]:
    """Make pairs of a run's own (parent, child) networks, newest first, one for each child."""
    pairs: dict[str, TrainingPair] = {}
    for parent, child in lineage:
        if len(pairs) == limit:
            break
        if child.id not in pairs and child.id != parent.id:
            pairs[child.id] = mode.pair(parent, child, task)
    return list(pairs.values())


def _improvements(networks: Sequence[Network], samples: int, rng: random.Random) -> Iterator[tuple[Network, Network]]:
    """Yield distinct (worse, better) pairs in random order, out of up to `samples` samples."""
    count = len(networks)
    for place in rng.sample(range(count * count), min(samples, count * count)):
        first, second = networks[place // count], networks[place % count]
        if (first.val_accuracy or 0) < (second.val_accuracy or 0):
            yield first, second
