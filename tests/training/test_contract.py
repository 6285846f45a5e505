"""The candidate contract: a network is built and checked, or the reason is said."""

import pytest
import torch
from recipes import CPU, lemur_recipe, own_network, recipe
from trials import network

from nnloop.records import Status
from nnloop.training.contract import Built, build
from nnloop.training.unfit import UnfitError


def built(code: str) -> Built:
    return build(code, torch.zeros(2, 1, 8, 8), recipe(), device=CPU)


def unfit(code: str) -> UnfitError:
    with pytest.raises(UnfitError) as caught:
        built(code)
    return caught.value


def test_parameters_and_flops_are_counted() -> None:
    network_ = built(network())
    assert network_.params == 64 * 10 + 10
    assert network_.flops == 2 * 64 * 10


def test_lazy_layers_get_their_shapes_before_they_are_counted() -> None:
    code = network(init="self.lazy = nn.LazyLinear(10)", forward="return self.lazy(x.flatten(1))")
    assert built(code).params == 2 * 650


def test_a_lazy_layer_for_training_only_is_reached() -> None:
    code = network(init="self.lazy = nn.LazyLinear(64)", forward="x = self.lazy(x.flatten(1)) if self.training else x")
    assert built(code).params == 650 + 64 * 64 + 64


def test_a_lazy_layer_that_is_never_used_has_no_parameters() -> None:
    network_ = built(network(init="self.lazy = nn.LazyConv2d(4, 3)"))
    assert network_.params == 650
    network_.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def test_a_network_that_views_what_a_convolution_gives_trains_in_the_default_layout() -> None:
    convolution = "self.conv = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))"
    viewing = network(init=convolution, forward="x = self.conv(x).view(len(x), -1)[:, :64]")
    assert built(viewing).memory_format is torch.contiguous_format
    meaning = network(init=convolution, forward="x = self.conv(x).mean(1, keepdim=True)")
    assert built(meaning).memory_format is torch.channels_last


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("def :", Status.BUILD_FAILED, "SyntaxError"),
        ("x = 1", Status.BUILD_FAILED, "there is no class Net(nn.Module)"),
        (network(init="1 / 0"), Status.BUILD_FAILED, "ZeroDivisionError: division by zero"),
        (network(init="raise SystemExit(0)"), Status.BUILD_FAILED, "SystemExit: 0"),
        (network(init="raise MemoryError"), Status.OUT_OF_MEMORY, "MemoryError"),
        (network(forward="return self.missing(x)"), Status.BUILD_FAILED, "forward(): AttributeError"),
        (network(width="9"), Status.BAD_SHAPE, "forward() gave torch.float32 of shape (2, 9)"),
        (network(forward="return x, x"), Status.BAD_SHAPE, "forward() gave tuple"),
        (network(forward="return self.net(x).argmax(1)"), Status.BAD_SHAPE, "forward() gave torch.int64"),
        (
            network(init="self.requires_grad_(False)", forward="self.requires_grad_(False)"),
            Status.BUILD_FAILED,
            "no par",
        ),
    ],
)
def test_what_does_not_build_says_why(code: str, status: Status, reason: str) -> None:
    error = unfit(code)
    assert error.status is status
    assert reason in error.reason


def test_further_hyperparameters_have_to_be_given_where_a_network_trains_itself() -> None:
    code = own_network(names="['lr', 'norm_eps', 'width']")
    with pytest.raises(UnfitError, match=r"names norm_eps; give proxy.prm.norm_eps=<number>") as caught:
        build(code, torch.zeros(2, 1, 8, 8), lemur_recipe(), device=CPU)
    assert caught.value.status is Status.BUILD_FAILED
    assert built(code).params == 650
