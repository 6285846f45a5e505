"""Parameters and buffers pass as plain arrays, of every type that a network may have."""

import pytest
import torch
from torch import nn

from nnloop.training.tensors import named, pack, unpack


class Kinds(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.tied = nn.Linear(2, 2)
        self.again = self.tied
        self.wave = nn.Parameter(torch.full((3,), value, dtype=torch.complex64))
        self.short = nn.Parameter(torch.full((2,), value, dtype=torch.bfloat16))
        self.register_buffer("mask", torch.full((2,), value > 0))
        self.register_buffer("hidden", torch.full((1,), value), persistent=False)
        self.register_buffer("alias", self.tied.weight.detach())
        self.register_buffer("wide", torch.full((1, 1), value).expand(2, 3))
        nn.init.constant_(self.tied.weight, value)


def test_every_value_arrives() -> None:
    source, target = Kinds(1.5), Kinds(0.0)
    unpack(target, pack(source))
    for (name, ours), (_, theirs) in zip(named(source), named(target), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.mark.parametrize("leaf", ["weight", "grown"])
def test_a_tensor_that_training_shaped_or_made_takes_its_place(leaf: str) -> None:
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    if leaf == "weight":
        source.weight = nn.Parameter(torch.ones(5, 2))
    else:
        source.register_buffer(leaf, torch.ones(5))
    unpack(target, pack(source))
    assert torch.equal(getattr(target, leaf), getattr(source, leaf))


def test_values_of_modules_that_are_not_there_are_dropped() -> None:
    target = nn.Linear(2, 2)
    unpack(target, pack(nn.Sequential(nn.Linear(2, 2))))
    assert dict(named(target)).keys() == {"weight", "bias"}
