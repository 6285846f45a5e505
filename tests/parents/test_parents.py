"""Parents are sampled as the rule says, by the pool and the generator alone."""

import random
from collections import Counter

import pytest
from entries import entry
from hypothesis import given, settings
from hypothesis import strategies as st

from nnloop.parents import ParentsSettings, sample
from nnloop.parents.pool import Pool, PromptSlot, SelectedNetwork, selected
from nnloop.pareto import Tradeoff
from nnloop.records import COMPLETED, Entry, Network, Status, TrialResult
from nnloop.settings import (
    AgeingParentsSettings,
    IslandsParentsSettings,
    PowerLawParentsSettings,
    QualityDiversityParentsSettings,
    TopParentsSettings,
    UniformParentsSettings,
)

CORPUS = [Network(f"c{n}", "", f"c{n}", 0.5 + n / 100, 1000) for n in range(4)]
RUN = [SelectedNetwork(Network(f"r{n}", "", f"r{n}", 0.6 + n / 100, 5000), cycle=n // 2, slot=n % 2) for n in range(4)]
POOL = Pool(CORPUS, RUN)
LATE = PromptSlot(cycle=5, slot=0)
RULES: list[ParentsSettings] = [
    UniformParentsSettings("uniform", 0.5),
    TopParentsSettings("top", None, 3),
    PowerLawParentsSettings("power_law", None, 1.0),
    QualityDiversityParentsSettings("quality_diversity", None, ["params", "depth"]),
    IslandsParentsSettings("islands", None, 2, 1, 1, 1.0),
    AgeingParentsSettings("ageing", None, 6, 3),
]
EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def samples(rule: ParentsSettings, pool: Pool = POOL, count: int = 2000, place: PromptSlot = LATE) -> Counter[str]:
    """Count how often each network is sampled."""
    rng = random.Random(0)
    return Counter(sample(rule, pool, place, count=1, rng=rng)[0].id for _ in range(count))


@EVERY_RULE
def test_the_same_generator_state_samples_the_same(rule: ParentsSettings) -> None:
    sampled = [sample(rule, POOL, PromptSlot(3, 1), count=4, rng=random.Random(7)) for _ in range(2)]
    assert sampled[0] == sampled[1]


@EVERY_RULE
def test_a_tradeoff_ranks_by_front_and_changes_no_network(rule: ParentsSettings) -> None:
    small = Network("small", "", "small", 0.55, 10, weights=10)
    large = [Network(f"l{n}", "", f"l{n}", 0.54 - n / 100, 1000, weights=1000) for n in range(5)]
    poor = Network("poor", "", "poor", 0.1, 1, weights=1)
    pool = Pool([*large, small, poor], [])
    rng = random.Random(0)
    drawn = [sample(rule, pool, LATE, count=1, rng=rng, tradeoff=Tradeoff("params", 0.3))[0] for _ in range(200)]
    assert all(network in pool.corpus for network in drawn)
    if rule.name in ("power_law", "ageing"):
        times = Counter(network.id for network in drawn)
        assert times["small"] == max(times.values()) > times["poor"]


@EVERY_RULE
def test_networks_sampled_together_differ_and_end_with_the_pool(rule: ParentsSettings) -> None:
    sampled = sample(rule, POOL, PromptSlot(3, 0), count=100, rng=random.Random(1))
    assert len({network.id for network in sampled}) == len(sampled) <= len(POOL)


@EVERY_RULE
def test_an_empty_side_leaves_all_samples_to_the_other(rule: ParentsSettings) -> None:
    assert set(samples(rule, Pool(CORPUS, []))) <= {network.id for network in CORPUS}
    assert set(samples(rule, Pool([], RUN))) <= {member.network.id for member in RUN}


def test_the_corpus_share_is_kept_and_each_side_is_uniform() -> None:
    counts = samples(UniformParentsSettings("uniform", 0.25), count=8000)
    assert all(abs(counts[network.id] - 500) < 100 for network in CORPUS)
    assert all(abs(counts[member.network.id] - 1500) < 150 for member in RUN)


@pytest.mark.parametrize("rule", [TopParentsSettings("top", 1.0, 2), PowerLawParentsSettings("power_law", 1.0, 2.0)])
def test_a_share_of_one_shows_the_corpus_alone(rule: ParentsSettings) -> None:
    assert set(samples(rule)) <= {network.id for network in CORPUS}


def test_top_samples_the_most_accurate_alike() -> None:
    counts = samples(TopParentsSettings("top", None, 3), count=3000)
    assert set(counts) == {"r1", "r2", "r3"}
    assert all(abs(count - 1000) < 120 for count in counts.values())


def test_a_power_law_falls_with_the_rank() -> None:
    counts = samples(PowerLawParentsSettings("power_law", None, 1.0), count=20_000)
    whole = sum(1 / rank for rank in range(1, 9))
    for rank, name in enumerate(["r3", "r2", "r1", "r0", "c3", "c2", "c1", "c0"], 1):
        assert counts[name] == pytest.approx(20_000 / rank / whole, rel=0.15)


def test_quality_diversity_samples_each_cell_s_best_alike() -> None:
    counts = samples(QualityDiversityParentsSettings("quality_diversity", None, ["params"]))
    assert set(counts) == {"c3", "r3"}
    assert abs(counts["c3"] - 1000) < 120


def test_an_empty_island_samples_from_the_whole_pool() -> None:
    rule = IslandsParentsSettings("islands", None, islands=50, every=2, migrants=1, exponent=0.0)
    assert len(samples(rule, place=PromptSlot(0, 49))) == len(POOL)


ENTRIES = st.lists(
    st.tuples(st.sampled_from(list(Status)), st.integers(0, 9), st.booleans(), st.floats(0, 1)), max_size=40
)


@given(ENTRIES, st.sampled_from(RULES), st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_no_failed_or_repeated_network_is_ever_a_parent(
    rows: list[tuple[Status, int, bool, float]], rule: ParentsSettings, seed: int
) -> None:
    entries = [_entry(slot, *row) for slot, row in enumerate(rows)]
    known = {f"n{number}": Network(f"n{number}", "", "", 0.5, 10) for number in range(10)}
    allowed = {entry.candidate for entry in entries if entry.selected and entry.status in COMPLETED}
    pool = Pool(CORPUS, selected(entries, known))
    assert {member.network.id for member in pool.run} == allowed
    assert len(pool.run) == len(allowed)
    for slot in range(4):
        sampled = sample(rule, pool, PromptSlot(6, slot), count=3, rng=random.Random(seed))
        assert {network.id for network in sampled} <= allowed | {network.id for network in CORPUS}


def _entry(slot: int, status: Status, number: int, is_selected: bool, accuracy: float) -> Entry:
    reached = status if status is not Status.DUPLICATE else Status.OK
    result = TrialResult(reached, val_accuracy=accuracy)
    place = {"cycle": slot // 8, "slot": slot % 8, "parent": "c0"}
    return entry(f"n{number}", status, result=result, admitted=is_selected, selected=is_selected, facts=place)


def test_ageing_holds_a_tournament_among_the_newest_and_forgets_the_best_of_old() -> None:
    """Of 4 networks of the run and the 2 newest of the corpus, r3 wins the tournaments that it takes part in."""
    shares = samples(AgeingParentsSettings("ageing", None, 6, 3), Pool([Network("old", "", "old", 0.99), *CORPUS], RUN))
    assert shares.keys() <= {"c2", "c3", "r0", "r1", "r2", "r3"}
    assert shares["r3"] / 2000 == pytest.approx(1 - (5 / 6) ** 3, abs=0.04)
    assert samples(AgeingParentsSettings("ageing", None, 2, 1), POOL).keys() == {"r2", "r3"}
