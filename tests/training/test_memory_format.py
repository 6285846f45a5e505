"""Networks train in channels last, but for operators that lose by it, however the source calls them."""

import pytest
import torch
from torch import nn

from nnloop.training.memory_format import choose_format
from nnloop.training.precision import FEW_FLOPS

X = torch.zeros(2, 3, 8, 8)
MANY = FEW_FLOPS


class Halves(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.glu(x, 1)


class Maxout(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (2, -1)).amax(1)


@pytest.mark.parametrize("flops", [MANY, None])
@pytest.mark.parametrize("gate", [nn.GLU(1), Halves(), Maxout()])
def test_a_network_with_glu_or_amax_stays_in_the_default_format(gate: nn.Module, flops: int | None) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), gate)
    assert choose_format(net, X, flops) is torch.contiguous_format
    assert net[0].weight.is_contiguous()


def test_a_network_of_small_batches_gets_channels_last_whatever_it_calls() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GLU(1))
    assert choose_format(net, X, MANY - 1) is torch.channels_last


def test_another_network_gets_channels_last() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    assert choose_format(net, X, MANY) is torch.channels_last
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
