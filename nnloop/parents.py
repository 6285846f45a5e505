"""Which networks are shown as baselines: pure functions of the pool and a generator."""

import random
from collections.abc import Sequence

from nnloop.records import Network
from nnloop.settings import UniformParentsSettings


def draw(
    settings: UniformParentsSettings, corpus: Sequence[Network], run: Sequence[Network], count: int, rng: random.Random
) -> list[Network]:
    """Draw `count` baselines, uniformly within the corpus and within the run's selected networks (papers A and B).

    `settings.corpus_share` is the probability of the corpus; an empty side leaves all draws to the other.
    """
    return [_one(settings, corpus, run, rng) for _ in range(count)]


def _one(
    settings: UniformParentsSettings, corpus: Sequence[Network], run: Sequence[Network], rng: random.Random
) -> Network:
    from_corpus = rng.random() < settings.corpus_share
    side = corpus if (from_corpus and corpus) or not run else run
    return rng.choice(side)
