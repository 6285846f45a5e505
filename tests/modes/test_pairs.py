"""Fine-tuning pairs: of the corpus and of a run."""

import random
from collections.abc import Sequence
from dataclasses import replace

from edits import BASE, WIDER
from mode_cases import TASK, each_mode, network

from nnloop import corpus
from nnloop.corpus import variants
from nnloop.modes import Mode
from nnloop.modes.pairs import CorpusPairs, Writer, corpus_pairs, run_pairs
from nnloop.records import Network

WRITER = Writer(len, lambda text: True)


def chosen(networks: Sequence[Network], mode: Mode, limit: int, seed: int, writer: Writer = WRITER) -> CorpusPairs:
    return corpus_pairs(networks, mode, TASK, writer=writer, limit=limit, rng=random.Random(seed))


def family(count: int, of: int = 34) -> list[Network]:
    """Seeds and single edits of them, with made-up accuracies."""
    rng = random.Random(0)
    seeds = corpus.seeds()[:of]
    return [replace(one, val_accuracy=rng.random()) for one in [*seeds, *variants.edited(seeds, count)]]


@each_mode
def test_corpus_pairs_lead_to_better_networks(mode: Mode) -> None:
    networks = family(48, of=12)
    accuracy = {each.id: each.val_accuracy or 0 for each in networks}
    pairs = chosen(networks, mode, 50, seed=1).pairs
    assert len(pairs) == 50
    assert all(accuracy[pair.parent] < accuracy[pair.target] for pair in pairs)
    assert len({(pair.parent, pair.target) for pair in pairs}) == 50
    assert pairs == chosen(networks, mode, 50, seed=1).pairs
    assert pairs != chosen(networks, mode, 50, seed=2).pairs


@each_mode
def test_pairs_of_variants_come_first(mode: Mode) -> None:
    networks = family(16, of=8)
    root = {each.id: each.variant_of or each.id for each in networks}
    pairs = chosen(networks, mode, 1000, seed=1).pairs
    near = [root[pair.parent] == root[pair.target] for pair in pairs]
    assert 16 <= sum(near) <= 3 * 8
    assert near == sorted(near, reverse=True)
    assert len(set(map(str, pairs))) == len(pairs)


@each_mode
def test_targets_that_the_llm_can_not_write_are_left_out_and_counted(mode: Mode) -> None:
    networks = family(16, of=8)
    everything = chosen(networks, mode, 1000, seed=1)
    lengths = sorted(len(pair.completion) for pair in everything.pairs)
    limit = lengths[len(lengths) // 2]
    short = chosen(networks, mode, 1000, seed=1, writer=Writer(len, lambda text: len(text) <= limit))
    assert all(len(pair.completion) <= limit for pair in short.pairs)
    assert short.too_long == len(everything.pairs) - len(short.pairs) > 0
    assert everything.too_long == 0


@each_mode
def test_networks_of_unknown_accuracy_make_no_corpus_pairs(mode: Mode) -> None:
    assert chosen([network(BASE, None), network(WIDER, 0.9)], mode, 5, seed=0).pairs == []
    assert chosen([], mode, 5, seed=0).pairs == []


@each_mode
def test_run_pairs_are_the_newest_one_for_each_child(mode: Mode) -> None:
    base, wider, other = network(BASE), network(WIDER), network(BASE.replace("ReLU", "GELU"))
    lineage = [(other, wider), (base, wider), (base, base), (base, other)]
    pairs = run_pairs(lineage, mode, TASK, limit=10)
    assert [(pair.parent, pair.target) for pair in pairs] == [(other.id, wider.id), (base.id, other.id)]
    assert run_pairs(lineage, mode, TASK, limit=1) == pairs[:1]
