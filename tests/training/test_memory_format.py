"""Networks train in channels last, but for operators that lose by it, however the source calls them."""

import pytest
import torch
from torch import nn

from nnloop.training.memory_format import choose_format

X = torch.zeros(2, 3, 8, 8)


class Halves(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.glu(x, 1)


@pytest.mark.parametrize("gate", [nn.GLU(1), Halves()])
def test_a_network_with_glu_stays_in_the_default_format(gate: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), gate)
    assert choose_format(net, X) is torch.contiguous_format
    assert net[0].weight.is_contiguous()


def test_another_network_gets_channels_last() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    assert choose_format(net, X) is torch.channels_last
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
