"""A shadow takes the very same steps as its network, however the parameters lie in memory."""

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from nnloop.training.shadow import Shadow, differing

X = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))


def tied_by_data() -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    net[1].weight.data = net[0].weight.data  # type: ignore[union-attr,operator]
    return net


def slices() -> nn.Module:
    net, whole = plain(), torch.randn(100)
    net[0].bias = nn.Parameter(whole[10:14])  # type: ignore[index,assignment]
    net[1].bias = nn.Parameter(whole[12:14])  # type: ignore[index,assignment]
    return net


def channels_last() -> nn.Module:
    net = nn.Sequential(nn.Unflatten(1, (6, 1, 1)), nn.Conv2d(6, 4, 3, padding=1))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def frozen() -> nn.Module:
    net = plain()
    net[0].requires_grad_(False)  # type: ignore[index,operator]
    return net


def expanded_buffer() -> nn.Module:
    net = plain()
    net.register_buffer("wide", torch.zeros(1).expand(5))
    return net


def complex_weights() -> nn.Module:
    class Complex(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(6, 2, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Tensor:
            return (x.to(torch.complex64) @ self.w).abs()

    return Complex()


@pytest.mark.parametrize("make", [plain, tied_by_data, slices, channels_last, frozen, expanded_buffer, complex_weights])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_it_stays_equal_bit_by_bit(make: object, momentum: float) -> None:
    assert callable(make)
    net = make()
    held = [parameter for parameter in net.parameters() if parameter.requires_grad]
    fused = all(parameter.is_floating_point() for parameter in held)
    optimizer = SGD(held, 0.1, momentum, nesterov=momentum > 0, weight_decay=1e-3, fused=fused)
    for parameter in held if momentum else []:
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    shadow = Shadow(net, optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        net(X).square().sum().backward()
        assert shadow.look() == []
        shadow.step(0.1)
        optimizer.step()
        assert shadow.look() == []


def test_it_follows_what_a_forward_pass_writes_makes_and_replaces() -> None:
    net = plain()
    shadow = Shadow(net, SGD(net.parameters(), 0.1))
    net[0].weight.data = net[0].weight.data.clamp(-0.1, 0.1)  # type: ignore[index,union-attr,operator]
    net.register_buffer("made", torch.ones(3))
    assert sorted(shadow.look()) == ["0.weight", "made"]
    shadow.follow(["0.weight", "made"])
    assert shadow.look() == []
    net.made = torch.ones(4)  # type: ignore[assignment]
    assert shadow.look() == ["made"]


def test_nan_equals_nan_and_another_shape_or_type_nothing() -> None:
    value = torch.tensor([float("nan"), 1.0])
    assert differing({"a": value}, {"a": value.clone()}) == []
    others = [value.double(), value[:1], value + 1, None]
    assert [differing({"a": value}, {"a": other} if other is not None else {}) for other in others] == [["a"]] * 4
