"""The recipe, the batches and the candidate contract, in this process."""

import math

import pytest
import torch
from recipes import CPU, recipe
from trials import network

from nnloop.records import Status
from nnloop.training.contract import Built, build
from nnloop.training.images import Images, Normalise, TrainBatches
from nnloop.training.recipe import batch_size, one_cycle, steps_per_epoch
from nnloop.training.unfit import UnfitError, describe, is_out_of_memory

CHANNELS_LAST = torch.channels_last


def images(count: int = 20) -> Images:
    """Images whose every pixel is their number."""
    x = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 1, 8, 8).contiguous()
    return Images(x, torch.arange(count), x)


def batches(count: int = 20, seed: int = 0, **how: int) -> TrainBatches:
    plan = recipe(**how)  # type: ignore[arg-type]
    return TrainBatches(images(count), plan, Normalise(plan, CPU, CHANNELS_LAST), seed=seed)


def built(code: str) -> Built:
    return build(code, torch.zeros(2, 1, 8, 8), recipe(), device=CPU)


def unfit(code: str) -> UnfitError:
    with pytest.raises(UnfitError) as caught:
        built(code)
    return caught.value


def test_small_sets_get_smaller_batches() -> None:
    assert (batch_size(64, 70, 45_000), batch_size(64, 70, 1200), batch_size(64, 70, 10)) == (64, 17, 2)


def test_a_last_batch_of_one_image_is_dropped() -> None:
    assert (steps_per_epoch(20, 8), steps_per_epoch(17, 8), steps_per_epoch(16, 8)) == (3, 2, 2)
    assert [len(y) for _, y in batches(17)] == [8, 8]


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [one_cycle(step, 100, 0.3) for step in range(101)]
    assert (rates[0], rates[30], max(rates)) == (0.04, 1.0, 1.0)
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert math.isclose(rates[100], 0.0, abs_tol=1e-9)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_schedule_of_a_very_short_epoch_is_positive(total: int) -> None:
    assert all(one_cycle(step, total, 0.3) > 0 for step in range(total))


def test_an_epoch_shows_every_image_once_in_a_new_order() -> None:
    source = batches()
    first, second = ([int(label) for _, y in source for label in y] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


def test_the_same_seed_gives_the_same_batches() -> None:
    for (x, y), (again, labels) in zip(batches(flip=1, crop_pad=2), batches(flip=1, crop_pad=2), strict=True):
        assert torch.equal(x, again)
        assert torch.equal(y, labels)


def test_images_keep_their_labels() -> None:
    for x, y in batches():
        pixels = (x[:, 0, 4, 4] * 0.25 + 0.5) * 255
        assert torch.allclose(pixels, y.float(), atol=1e-3)


def test_crops_shift_by_at_most_the_padding_and_fill_with_black() -> None:
    black = -2.0  # (0 - mean) / std
    lit = torch.cat([x for x, _ in batches(crop_pad=2)]) > black + 1e-6
    shown = lit.sum(dim=(1, 2, 3))[lit.any(dim=(1, 2, 3))]
    assert shown.min() >= 6 * 6
    assert shown.max() <= 8 * 8
    assert len(set(shown.tolist())) > 1


def test_normalised_pixels_have_the_asked_scale_and_layout() -> None:
    x = Normalise(recipe(), CPU, CHANNELS_LAST)(
        torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    )
    assert (float(x[0, 0, 0, 0]), float(x[1, 0, 0, 0])) == (-2.0, 2.0)
    assert x.is_contiguous(memory_format=torch.channels_last)


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


def test_a_reason_is_one_short_line() -> None:
    assert describe(ValueError("a\n b\t c" * 1000)).startswith("ValueError: a b ca b c")
    assert len(describe(ValueError("x" * 1000))) == 300


def test_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(OSError(12, "Cannot allocate memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shapes can't be multiplied"))
    assert not is_out_of_memory(OSError(28, "No space left on device"))
