"""Which networks a prompt shows: pure functions of a pool and a generator.

Two things make a rule: how a side of the pool is weighed (`weigh`), and how often the corpus is the side
(`corpus_share`; without one, corpus and run are weighed together). Islands narrow the pool before that.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from nnloop.parents import islands
from nnloop.parents.cells import elites
from nnloop.parents.pool import Found, Pool
from nnloop.records import Network
from nnloop.settings import (
    IslandsParentsSettings,
    PowerLawParentsSettings,
    QualityDiversityParentsSettings,
    TopParentsSettings,
    UniformParentsSettings,
)

__all__ = ["Found", "ParentsSettings", "Place", "Pool", "draw"]

ParentsSettings = (
    UniformParentsSettings
    | TopParentsSettings
    | PowerLawParentsSettings
    | QualityDiversityParentsSettings
    | IslandsParentsSettings
)


@dataclass(frozen=True, slots=True)
class Place:
    """The prompt that is drawn for."""

    cycle: int
    slot: int


def draw(settings: ParentsSettings, pool: Pool, place: Place, count: int, rng: random.Random) -> list[Network]:
    """Draw up to `count` different networks, each by the rule from what is left; fewer where the pool has no more."""
    if isinstance(settings, IslandsParentsSettings):
        pool = islands.island(settings, pool, place.cycle, place.slot) or pool
    drawn: list[Network] = []
    while len(drawn) < count and pool:
        drawn.append(_one(settings, pool, rng))
        pool = pool.without(drawn[-1])
    return drawn


def _one(settings: ParentsSettings, pool: Pool, rng: random.Random) -> Network:
    side = _side(settings.corpus_share, pool, rng)
    return rng.choices(side, weigh(settings, side))[0]


def _side(corpus_share: float | None, pool: Pool, rng: random.Random) -> Sequence[Network]:
    """The networks to weigh; an empty side leaves all draws to the other."""
    run = [found.network for found in pool.run]
    if corpus_share is None:
        return [*pool.corpus, *run]
    from_corpus = rng.random() < corpus_share
    return pool.corpus if (from_corpus and pool.corpus) or not run else run


def weigh(settings: ParentsSettings, networks: Sequence[Network]) -> list[float]:
    """Give each network its weight in a draw."""
    if isinstance(settings, TopParentsSettings):
        return [float(rank <= settings.count) for rank in ranks(networks)]
    if isinstance(settings, PowerLawParentsSettings | IslandsParentsSettings):
        return [rank**-settings.exponent for rank in ranks(networks)]
    if isinstance(settings, QualityDiversityParentsSettings):
        best = {network.id for network in elites(networks, settings.descriptors).values()}
        return [float(network.id in best) for network in networks]
    return [1.0] * len(networks)


def ranks(networks: Sequence[Network]) -> list[int]:
    """The accuracy ranks from 1 for the best; of equals the earlier one is better."""
    order = sorted(range(len(networks)), key=lambda place: -(networks[place].val_accuracy or 0.0))
    found = [0] * len(networks)
    for rank, place in enumerate(order, 1):
        found[place] = rank
    return found
