"""The choice of the networks that a prompt shows, by pure functions of a pool and a random generator.

A rule has two parts: `corpus_share` says how often to sample from the corpus and not from the run's own networks (None:
from both together), and `weigh` gives the networks' weights. Islands narrow the pool before that.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from nnloop.parents import islands
from nnloop.parents.cells import elites
from nnloop.parents.pool import Pool, PromptSlot
from nnloop.parents.user_rule import ParentsRule, load_rule
from nnloop.pareto import Tradeoff
from nnloop.records import Network
from nnloop.settings import (
    AgeingParentsSettings,
    IslandsParentsSettings,
    OwnParentsSettings,
    ParentsSettings,
    PowerLawParentsSettings,
    QualityDiversityParentsSettings,
    TopParentsSettings,
)


def make_rule(settings: ParentsSettings) -> ParentsRule:
    """Return the rule that the settings name. Raises SettingsError if it is one of the user's own and can't be had."""
    return load_rule(settings) if isinstance(settings, OwnParentsSettings) else partial(sample, settings)


def sample(
    settings: ParentsSettings,
    pool: Pool,
    place: PromptSlot,
    *,
    count: int,
    rng: random.Random,
    tradeoff: Tradeoff | None = None,
) -> list[Network]:
    """Sample `count` different networks, each by the rule from the remaining ones; fewer if the pool has no more.

    With a tradeoff, a network's place in its order counts in place of its accuracy.
    """
    assert not isinstance(settings, OwnParentsSettings)
    if isinstance(settings, IslandsParentsSettings):
        pool = islands.island(settings, pool, cycle=place.cycle, slot=place.slot) or pool
    if isinstance(settings, AgeingParentsSettings):
        pool = pool.newest(settings.population)
    networks: list[Network] = []
    while len(networks) < count and pool:
        side = _side(settings.corpus_share, pool, rng)
        networks.append(rng.choices(side, weigh(settings, ranked(side, tradeoff)))[0])
        pool = pool.without(networks[-1])
    return networks


def _side(corpus_share: float | None, pool: Pool, rng: random.Random) -> Sequence[Network]:
    """Choose the corpus or the run's networks to sample from; if one of them is empty, the other."""
    run = [member.network for member in pool.run]
    if corpus_share is None:
        return [*pool.corpus, *run]
    from_corpus = rng.random() < corpus_share
    return pool.corpus if (from_corpus and pool.corpus) or not run else run


def ranked(networks: Sequence[Network], tradeoff: Tradeoff | None) -> Sequence[Network]:
    """Return the networks with the share that each one beats in a tradeoff's order as their accuracies."""
    if tradeoff is None:
        return networks
    beaten = {place: 1 - rank / len(networks) for rank, place in enumerate(tradeoff.order(networks))}
    return [replace(network, val_accuracy=beaten[place]) for place, network in enumerate(networks)]


def weigh(settings: ParentsSettings, networks: Sequence[Network]) -> list[float]:
    """Return each network's weight in a sample, in the networks' order."""
    if isinstance(settings, TopParentsSettings):
        return [float(rank <= settings.count) for rank in ranks(networks)]
    if isinstance(settings, PowerLawParentsSettings | IslandsParentsSettings):
        return [rank**-settings.exponent for rank in ranks(networks)]
    if isinstance(settings, AgeingParentsSettings):
        places = [len(networks) - rank for rank in ranks(networks)]  # networks that lose to each
        return [(place + 1.0) ** settings.size - float(place) ** settings.size for place in places]
    if isinstance(settings, QualityDiversityParentsSettings):
        best = {network.id for network in elites(networks, settings.descriptors).values()}
        return [float(network.id in best) for network in networks]
    return [1.0] * len(networks)


def ranks(networks: Sequence[Network]) -> list[int]:
    """Return the accuracy ranks, 1 for the best; of equals the earlier one is better."""
    order = sorted(range(len(networks)), key=lambda place: -networks[place].worth)
    by_place = {place: rank for rank, place in enumerate(order, 1)}
    return [by_place[place] for place in range(len(networks))]
