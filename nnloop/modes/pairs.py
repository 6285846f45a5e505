"""Fine-tuning pairs, and which networks they are made of."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnloop.modes import Mode
from nnloop.modes.render import Task
from nnloop.records import Network, Record

_DRAWS = 50
"""Pairs drawn for each that is wanted, before fewer are given."""


@dataclass(frozen=True, slots=True)
class Pair(Record):
    """One fine-tuning example; the loss is on the completion alone."""

    prompt: str
    completion: str
    baseline: str  # id of the network shown
    target: str  # id of the network that the completion leads to


def corpus_pairs(networks: Sequence[Network], mode: Mode, task: Task, limit: int, rng: random.Random) -> list[Pair]:
    """Draw up to `limit` pairs from a network to a more accurate one; networks without an accuracy take no part.

    The same networks and generator state give the same pairs.
    """
    pairs: list[Pair] = []
    known = [network for network in networks if network.val_accuracy is not None]
    for worse, better in _improvements(known, limit * _DRAWS, rng):
        if len(pairs) == limit:
            break
        if mode.suits(worse.code, better.code):
            pairs.append(mode.pair(worse, better, task))
    return pairs


def run_pairs(lineage: Sequence[tuple[Network, Network]], mode: Mode, task: Task, limit: int) -> list[Pair]:
    """Make pairs of a run's own (parent, child) networks, newest first, one for each child."""
    pairs: dict[str, Pair] = {}
    for parent, child in lineage:
        if len(pairs) == limit:
            break
        if child.id not in pairs and child.id != parent.id:
            pairs[child.id] = mode.pair(parent, child, task)
    return list(pairs.values())


def _improvements(networks: Sequence[Network], draws: int, rng: random.Random) -> Iterator[tuple[Network, Network]]:
    """Yield distinct (worse, better) pairs in random order, of up to `draws` draws."""
    count = len(networks)
    for place in rng.sample(range(count * count), min(draws, count * count)):
        first, second = networks[place // count], networks[place % count]
        if (first.val_accuracy or 0) < (second.val_accuracy or 0):
            yield first, second
