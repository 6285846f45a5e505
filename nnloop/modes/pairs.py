"""Fine-tuning pairs, and the choice of their networks."""

import functools
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class Writer:
    """The measures of an LLM that a pair is taught to."""

    count: Callable[[str], int]  # tokens of a text
    writes: Callable[[str], bool]  # tells whether a completion of this text stays within llm.max_new_tokens


@dataclass(frozen=True, slots=True)
class CorpusPairs:
    """Pairs of the corpus."""

    pairs: list[TrainingPair]
    too_long: int  # pairs that were left out, since the LLM can't write their targets


def corpus_pairs(
    networks: Sequence[Network], mode: Mode, task: Task, *, writer: Writer, limit: int, rng: random.Random
) -> CorpusPairs:
    """Choose up to `limit` pairs of a network and a more accurate one; networks without an accuracy are left out.

    Pairs of a corpus network and its variants, or of two of these, come first; others are sampled. The same networks
    and generator state give the same pairs.
    """
    known = [network for network in networks if network.val_accuracy is not None]
    count = functools.cache(writer.count)
    pairs: list[TrainingPair] = []
    too_long = 0
    for worse, better in _improvements(known, limit * _SAMPLES, rng):
        if len(pairs) == limit:
            break
        if mode.suits(worse.code, better.code, count):
            pair = mode.pair(worse, better, task)
            pairs, too_long = ([*pairs, pair], too_long) if writer.writes(pair.completion) else (pairs, too_long + 1)
    return CorpusPairs(pairs, too_long)


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
    """Yield distinct (worse, better) pairs: those of variants in random order, then others, out of so many samples."""
    families: dict[str, list[Network]] = defaultdict(list)
    for network in networks:
        families[network.variant_of or network.id].append(network)
    near = [pair for family in families.values() for pair in itertools.permutations(family, 2)]
    rng.shuffle(near)
    count = len(networks)
    places = rng.sample(range(count * count), min(samples, count * count))
    others = ((networks[place // count], networks[place % count]) for place in places)
    apart = ((one, two) for one, two in others if (one.variant_of or one.id) != (two.variant_of or two.id))
    for first, second in itertools.chain(near, apart):
        if first.dataset == second.dataset and first.worth < second.worth:
            yield first, second
