"""Islands: who belongs to which, and who migrates when."""

from nnloop.parents.islands import island
from nnloop.parents.pool import Pool, SelectedNetwork
from nnloop.records import Network
from nnloop.settings import IslandsParentsSettings

CORPUS = [Network(f"c{n}", "", f"c{n}", 0.5) for n in range(4)]
RUN = [SelectedNetwork(Network(f"r{n}", "", f"r{n}", 0.6 + n / 100), cycle=n // 2, slot=n % 2) for n in range(4)]


def rule(islands: int = 2, every: int = 2, migrants: int = 1) -> IslandsParentsSettings:
    return IslandsParentsSettings("islands", None, islands=islands, every=every, migrants=migrants, exponent=0.0)


def members(settings: IslandsParentsSettings, cycle: int, slot: int) -> list[str]:
    pool = island(settings, Pool(CORPUS, RUN), cycle=cycle, slot=slot)
    return [network.id for network in pool.corpus] + [member.network.id for member in pool.run]


def test_corpus_and_run_are_shared_out_by_place_and_slot() -> None:
    assert members(rule(), cycle=1, slot=0) == ["c0", "c2", "r0", "r2"]
    assert members(rule(), cycle=1, slot=1) == ["c1", "c3", "r1", "r3"]
    assert members(rule(), cycle=1, slot=2) == members(rule(), cycle=1, slot=0)


def test_an_island_knows_nothing_of_later_cycles() -> None:
    assert members(rule(), cycle=0, slot=0) == ["c0", "c2", "r0"]


def test_the_best_of_an_island_migrate_to_the_next() -> None:
    assert members(rule(), cycle=2, slot=0) == ["c0", "c2", "r0", "r2", "r3"]
    assert members(rule(), cycle=2, slot=1) == ["c1", "c3", "r1", "r3", "r2"]
    assert members(rule(migrants=2), cycle=2, slot=0) == ["c0", "c2", "r0", "r2", "r3", "r1"]


def test_migrants_travel_on_around_the_ring_and_arrive_once() -> None:
    three = rule(islands=3, every=1, migrants=9)
    assert members(three, cycle=1, slot=2)[1:] == ["r1"]
    assert sorted(members(three, cycle=4, slot=2)[1:]) == ["r0", "r1", "r2", "r3"]
