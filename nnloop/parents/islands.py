"""Islands: populations that breed apart and now and then send their best to the next one."""

from collections.abc import Sequence

from nnloop.parents.pool import Found, Pool
from nnloop.settings import IslandsParentsSettings


def island(settings: IslandsParentsSettings, pool: Pool, cycle: int, slot: int) -> Pool:
    """The part of the pool that a slot of a cycle draws from.

    The corpus is dealt out in its order. A network of the run belongs to the island of its slot. Before each cycle that
    is a multiple of `every`, the best `migrants` of an island, immigrants among them, are copied to the next one.
    """
    own = slot % settings.islands
    run = _populations(settings, pool, cycle)[own]
    corpus = [network for place, network in enumerate(pool.corpus) if place % settings.islands == own]
    return Pool(corpus, run)


def _populations(settings: IslandsParentsSettings, pool: Pool, cycle: int) -> list[list[Found]]:
    """Replay the run up to the beginning of the cycle, and add what the cycle itself has found."""
    populations: list[list[Found]] = [[] for _ in range(settings.islands)]
    done = 0
    for now in range(cycle + 1):
        if now and now % settings.every == 0:
            populations = _migrated(populations, settings.migrants)
        while done < len(pool.run) and pool.run[done].cycle <= now:
            populations[pool.run[done].slot % settings.islands].append(pool.run[done])
            done += 1
    return populations


def _migrated(populations: Sequence[Sequence[Found]], migrants: int) -> list[list[Found]]:
    """Every island with the best of the one before it on the ring."""
    grown = []
    for number, residents in enumerate(populations):
        neighbours = sorted(populations[number - 1], key=lambda found: -(found.network.val_accuracy or 0.0))
        known = {found.network.id for found in residents}
        grown.append([*residents, *(one for one in neighbours[:migrants] if one.network.id not in known)])
    return grown
