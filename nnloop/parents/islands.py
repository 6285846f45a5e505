"""Islands: populations that evolve apart and from time to time send their best networks to the next island."""

from collections.abc import Sequence

from nnloop.parents.pool import Pool, SelectedNetwork
from nnloop.settings import IslandsParentsSettings


def island(settings: IslandsParentsSettings, pool: Pool, *, cycle: int, slot: int) -> Pool:
    """Return the part of the pool that a slot of a cycle samples from.

    The corpus is dealt out in its order. A network of the run belongs to the island of its slot. Before each cycle that
    is a multiple of `every`, the best `migrants` of an island, immigrants among them, are copied to the next one.
    """
    own = slot % settings.islands
    return Pool(pool.corpus[own :: settings.islands], _populations(settings, pool, cycle)[own])


def _populations(settings: IslandsParentsSettings, pool: Pool, cycle: int) -> list[list[SelectedNetwork]]:
    """Replay the run up to the beginning of the cycle, and add the cycle's own networks so far."""
    populations: list[list[SelectedNetwork]] = [[] for _ in range(settings.islands)]
    done = 0
    for now in range(cycle + 1):
        if now and now % settings.every == 0:
            populations = _migrated(populations, settings.migrants)
        while done < len(pool.run) and pool.run[done].cycle <= now:
            populations[pool.run[done].slot % settings.islands].append(pool.run[done])
            done += 1
    return populations


def _migrated(populations: Sequence[Sequence[SelectedNetwork]], migrants: int) -> list[list[SelectedNetwork]]:
    """Give every island the best networks of the island before it on the ring."""
    grown = []
    for number, residents in enumerate(populations):
        neighbours = sorted(populations[number - 1], key=lambda member: -member.network.worth)
        known = {member.network.id for member in residents}
        grown.append([*residents, *(one for one in neighbours[:migrants] if one.network.id not in known)])
    return grown
