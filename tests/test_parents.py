"""Baselines are drawn as the rule says, by the generator alone."""

import random
from collections import Counter

from nnloop.parents import draw
from nnloop.records import Network
from nnloop.settings import UniformParentsSettings

CORPUS = [Network(f"c{n}", "", f"c{n}", 0.5) for n in range(4)]
RUN = [Network(f"r{n}", "", f"r{n}", 0.6) for n in range(2)]


def uniform(share: float) -> UniformParentsSettings:
    return UniformParentsSettings("uniform", share)


def test_the_same_generator_state_draws_the_same() -> None:
    draws = [draw(uniform(0.5), CORPUS, RUN, 50, random.Random(7)) for _ in range(2)]
    assert draws[0] == draws[1]


def test_the_corpus_share_is_kept_and_each_side_is_uniform() -> None:
    counts = Counter(network.id for network in draw(uniform(0.25), CORPUS, RUN, 8000, random.Random(0)))
    assert all(abs(counts[network.id] - 500) < 100 for network in CORPUS)
    assert all(abs(counts[network.id] - 3000) < 200 for network in RUN)


def test_an_empty_side_leaves_all_draws_to_the_other() -> None:
    assert set(draw(uniform(0.0), CORPUS, [], 200, random.Random(0))) == set(CORPUS)
    assert set(draw(uniform(1.0), [], RUN, 200, random.Random(0))) == set(RUN)
