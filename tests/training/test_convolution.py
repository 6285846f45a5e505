"""Convolutions that end in a few pixels: the same results and gradients as torch's own, whatever the shape."""

import copy

import pytest
import torch
from torch import nn

from nnloop.training import convolution
from nnloop.training.convolution import SmallMapConv2d, multiply_small_maps


@pytest.fixture
def few_weights(monkeypatch):
    monkeypatch.setattr(convolution, "MANY_WEIGHTS", 1)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [
        ((1, 1), 3, 1, 1),  # eight of nine taps meet padding only
        ((2, 2), 3, 1, 1),
        ((2, 2), 3, 2, 1),
        ((4, 4), 3, 2, 1),
        ((5, 4), 3, 2, 0),
        ((3, 1), (3, 1), (2, 1), (1, 0)),
        ((4, 1), (1, 3), 1, (0, 1)),
        ((2, 2), 5, 1, 2),
        ((2, 2), 1, 1, 0),
        ((1, 1), 1, 1, 0),
        ((1, 1), 1, 2, 1),  # all results but padding's miss the image
        ((1, 1), 1, 9, 2),  # no tap meets it
        ((7, 7), 7, 7, 0),
        ((6, 6), 3, 5, 1),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_results_and_gradients_are_those_of_torch(few_weights, size, kernel, stride, padding, bias, memory_format):
    torch.manual_seed(0)
    plain = nn.Conv2d(5, 7, kernel, stride, padding, bias=bias).to(memory_format=memory_format)
    ours = copy.deepcopy(plain)
    multiply_small_maps(ours)
    x = torch.randn(3, 5, *size).to(memory_format=memory_format)
    sides = []
    for conv in (plain, ours):
        taken = x.clone().requires_grad_()
        out = conv(taken)
        (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
        sides.append([out, taken.grad, *(parameter.grad for parameter in conv.parameters())])
    assert isinstance(ours, SmallMapConv2d)
    for expected, got in zip(*sides, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_larger_maps_and_unbatched_images_go_to_torch(few_weights):
    plain = nn.Conv2d(3, 4, 3, padding=1)
    ours = copy.deepcopy(plain)
    multiply_small_maps(ours)
    for x in (torch.randn(2, 3, 8, 8), torch.randn(3, 2, 2), torch.randn(0, 3, 8, 8)):
        assert torch.equal(ours(x), plain(x))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (8, 1)])
def test_a_kernel_larger_than_the_image_is_an_error_as_ever(few_weights, size):
    conv = nn.Conv2d(3, 4, 3)
    multiply_small_maps(conv)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        conv(torch.randn(1, 3, *size))


@pytest.mark.parametrize(
    "left",
    [
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)),
        nn.ConvTranspose2d(4, 4, 3),
    ],
    ids=str,
)
def test_other_convolutions_are_left_alone(few_weights, left):
    kind = type(left)
    multiply_small_maps(left)
    assert type(left) is kind


def test_only_many_weights_are_worth_it():
    net = nn.Sequential(nn.Conv2d(64, 64, 3), nn.Conv2d(128, 256, 3))
    parameters = list(net.parameters())
    multiply_small_maps(net)
    assert [type(module) for module in net] == [nn.Conv2d, SmallMapConv2d]
    assert all(one is other for one, other in zip(net.parameters(), parameters, strict=True))
