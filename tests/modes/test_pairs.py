"""Fine-tuning pairs: of the corpus and of a run."""

import random

from edits import BASE, WIDER, seed_sources
from mode_cases import TASK, each_mode, network

from nnloop.modes import Mode
from nnloop.modes.pairs import corpus_pairs, run_pairs


@each_mode
def test_corpus_pairs_lead_to_better_networks(mode: Mode) -> None:
    rng = random.Random(0)
    networks = [network(source, rng.random()) for source in seed_sources()]
    accuracy = {each.id: each.val_accuracy or 0 for each in networks}
    pairs = corpus_pairs(networks, mode, TASK, limit=50, rng=random.Random(1))
    assert len(pairs) == 50
    assert all(accuracy[pair.parent] < accuracy[pair.target] for pair in pairs)
    assert len({(pair.parent, pair.target) for pair in pairs}) == 50
    assert pairs == corpus_pairs(networks, mode, TASK, limit=50, rng=random.Random(1))
    assert pairs != corpus_pairs(networks, mode, TASK, limit=50, rng=random.Random(2))


@each_mode
def test_networks_of_unknown_accuracy_make_no_corpus_pairs(mode: Mode) -> None:
    assert corpus_pairs([network(BASE, None), network(WIDER, 0.9)], mode, TASK, limit=5, rng=random.Random(0)) == []
    assert corpus_pairs([], mode, TASK, limit=5, rng=random.Random(0)) == []


@each_mode
def test_run_pairs_are_the_newest_one_for_each_child(mode: Mode) -> None:
    base, wider, other = network(BASE), network(WIDER), network(BASE.replace("ReLU", "GELU"))
    lineage = [(other, wider), (base, wider), (base, base), (base, other)]
    pairs = run_pairs(lineage, mode, TASK, limit=10)
    assert [(pair.parent, pair.target) for pair in pairs] == [(other.id, wider.id), (base.id, other.id)]
    assert run_pairs(lineage, mode, TASK, limit=1) == pairs[:1]
