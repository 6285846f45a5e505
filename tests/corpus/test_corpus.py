"""The seed networks: all in the contract, all trainable on every dataset's shape."""

import subprocess
import sys

import pytest
import torch
from networks import build

from nnloop.corpus import sample, seeds
from nnloop.records import Network

SHAPES = [(16, 1, 8, 10), (8, 1, 28, 10), (8, 3, 32, 100), (2, 3, 64, 2), (2, 3, 128, 10)]
"""Batch, channels, size and classes: digits, MNIST, CIFAR-100, CelebA, Imagenette."""


def test_there_are_24_seeds_or_more_sorted_by_name_and_all_different() -> None:
    names = [network.name for network in seeds()]
    assert len(names) >= 24
    assert names == sorted(names)
    assert len({network.id for network in seeds()}) == len(names)


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_a_seed_trains_on_the_shape_of_every_dataset(seed: Network) -> None:
    for batch, channels, size, classes in SHAPES:
        net = build(seed.code, batch, channels, size, classes)
        net(torch.zeros(batch, channels, size, size))
        loss = net(torch.randn(batch, channels, size, size)).logsumexp(1).sum()
        loss.backward()
        assert net(torch.randn(batch // 2 + 1, channels, size, size)).shape == (batch // 2 + 1, classes)
        assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_a_seed_is_small(seed: Network) -> None:
    net = build(seed.code, 2, 3, 32, 10)
    net(torch.zeros(2, 3, 32, 32))
    assert 5_000 <= sum(parameter.numel() for parameter in net.parameters()) <= 300_000
    assert len(seed.code.splitlines()) <= 60


def test_corpus_and_rendering_import_no_torch() -> None:
    code = "import nnloop.corpus.edits, nnloop.modes.render, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_sample_has_the_limit_s_size_keeps_the_order_and_grows_with_the_limit() -> None:
    few, more = sample(seeds(), 5), sample(seeds(), 9)
    assert (len(few), len(more), sample(seeds(), None)) == (5, 9, seeds())
    assert [one for one in more if one in few] == few == sorted(few, key=lambda network: network.name)
