"""proxy=lemur: LEMUR's transforms, and networks that train by their own train_setup and learn."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from recipes import dataset_settings
from trials import network

from nnloop.compat import ensure_torchvision_imports
from nnloop.records import Status
from nnloop.settings import LemurProxySettings
from nnloop.training.images import Images, resize
from nnloop.training.recipe import Recipe, build_recipe
from nnloop.training.unfit import UnfitError

ensure_torchvision_imports()
from nnloop.training import fit  # noqa: E402

PROXY = LemurProxySettings(
    name="lemur",
    epochs=1,
    transform="norm_flip",
    batch_size=8,
    lr=0.05,
    momentum=0.9,
    dropout=0.2,
    prm={"width": 0.5},
    clip_norm=3.0,
    chance_share=0.0,
)
OWN = """
import torch
from torch import nn


def supported_hyperparameters():
    return {names}


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))

    def train_setup(self, prm):
        self.optimizer = torch.optim.{optimizer}
        self.criterion = nn.CrossEntropyLoss()

    def learn(self, batches):
        {first}
        for x, y in batches:
            self.optimizer.zero_grad()
            loss = self.criterion(self.forward(x), y) * {scale}
            loss.backward()
            self.optimizer.step()
            {again}
        {last}
"""
SGD = "SGD(self.parameters(), prm['lr'], prm['momentum'])"


@pytest.fixture(autouse=True)
def _quiet() -> None:
    fit.quiet()
    torch.set_num_threads(1)


def own(
    names: str = "{'lr', 'momentum'}",
    optimizer: str = SGD,
    first: str = "pass",
    again: str = "pass",
    last: str = "pass",
    scale: str = "1",
) -> str:
    return OWN.format(names=names, optimizer=optimizer, first=first, again=again, last=last, scale=scale)


def plan(epochs: int = 1, count: int = 60, **changes: Any) -> Recipe:
    return build_recipe(dataset_settings(), replace(PROXY, **changes), epochs=epochs, images=count)


def images(count: int = 60) -> Images:
    """Classes that a linear network can tell: one bright row each."""
    y = torch.arange(count) % 10
    x = torch.zeros(count, 1, 10, 10, dtype=torch.uint8)
    x[torch.arange(count), 0, y] = 255
    return Images(x, y, x[:30])


def train(code: str, use: Recipe | None = None, seed: int = 0) -> fit.Finished:
    finished = fit.train(code, images(), use or plan(), seed=seed, on_built=lambda built: None)
    assert isinstance(finished, fit.Finished)
    return finished


def unfit(code: str, use: Recipe | None = None) -> UnfitError:
    with pytest.raises(UnfitError) as caught:
        train(code, use)
    return caught.value


def accuracy(trained: fit.Finished) -> float:
    return float((trained.logits.argmax(1) == torch.arange(30) % 10).float().mean())


@pytest.mark.parametrize(("height", "width", "size"), [(8, 8, 32), (32, 32, 256), (28, 28, 32), (64, 48, 32)])
def test_images_are_resized_as_pillow_does(height: int, width: int, size: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ratio = size / min(height, width)
    scaled = Image.fromarray(pixels).resize((int(width * ratio), int(height * ratio)), Image.Resampling.BILINEAR)
    top, left = round((scaled.height - size) / 2), round((scaled.width - size) / 2)
    expected = np.asarray(scaled.crop((left, top, left + size, top + size)), dtype=np.int16)
    found = resize(torch.from_numpy(pixels).permute(2, 0, 1)[None], size)
    assert found.shape == (1, 3, size, size)
    difference = np.abs(found[0].permute(1, 2, 0).numpy().astype(np.int16) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.1


def test_the_transform_decides_over_flips_and_pixels_and_the_dataset_over_mean_and_std() -> None:
    normal, echo = plan(transform="norm_flip"), plan(transform="echo_64")
    assert (normal.flip, normal.size, normal.mean, normal.std) == (True, None, [0.3], [0.4])
    assert (echo.flip, echo.size, echo.mean, echo.std) == (False, 64, [0.0], [1.0])
    assert (normal.crop_pad, normal.weight_decay, normal.label_smoothing, normal.nesterov) == (0, 0.0, 0.0, False)
    assert normal.precision == "float32"


def test_prm_holds_lemurs_names_and_those_given_beside() -> None:
    assert plan(transform="norm_32").prm() == {
        "width": 0.5,
        "lr": 0.05,
        "momentum": 0.9,
        "dropout": 0.2,
        "batch": 8,
        "epoch": 1,
        "epoch_max": 1,
        "transform": "norm_32",
    }


def test_a_network_sees_the_transforms_size_and_trains_by_its_own_loop() -> None:
    seen = own(first="assert len(batches) == 8 and next(iter(batches))[0].shape == (8, 1, 32, 32)")
    trained = train(seen, plan(transform="norm_32"))
    assert accuracy(trained) > 0.9
    assert trained.train_loss is None


def test_its_own_optimizer_counts() -> None:
    assert accuracy(train(own())) > 0.9
    assert accuracy(train(own(optimizer="SGD(self.parameters(), 1e-9)"))) < 0.5


def test_batches_are_given_once_an_epoch_and_hold_every_image() -> None:
    counting = own(
        first="batches = list(batches); assert sum(len(y) for _, y in batches) == 60",
        last="self.epochs = getattr(self, 'epochs', 0) + 1; assert self.epochs <= 2",
    )
    assert accuracy(train(counting, plan(epochs=2))) > 0.9
    assert accuracy(train(own(last="assert list(batches) == []"))) > 0.9


def test_the_same_seed_gives_the_same_logits_and_another_others() -> None:
    first, again, other = train(own()), train(own()), train(own(), seed=1)
    assert torch.equal(first.logits, again.logits)
    assert not torch.equal(first.logits, other.logits)


def test_a_network_without_a_loop_trains_by_lemurs_usual_one() -> None:
    trained = train(network())
    assert accuracy(trained) > 0.9
    assert trained.train_loss is not None


def test_a_loss_worse_than_guessing_ends_a_trial_past_the_set_share_and_not_before() -> None:
    rising = network(forward="return self.net(x) * (1 if not self.training else 1e3)")
    error = unfit(rising, plan(batch_size=2, lr=1e-8, chance_share=0.6))
    assert error.status is Status.DIVERGED
    assert re.fullmatch(r"the loss is \d+\.\d\d by step 30 of 30, guessing's is 2\.30", error.reason)
    assert train(rising, plan(batch_size=2, lr=1e-8)).train_loss is not None


def test_under_another_protocol_its_own_loop_does_not_count() -> None:
    other = replace(plan(), own_training=False)
    assert train(own(first="1 / 0"), other).train_loss is not None


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (own(names="['lr', 'norm_eps']"), Status.BUILD_FAILED, "names norm_eps; give proxy.prm.norm_eps=<number>"),
        (own(first="1 / 0"), Status.CRASHED, "ZeroDivisionError"),
        (own(optimizer="Nope()"), Status.CRASHED, "AttributeError"),
        (own(scale="float('nan')"), Status.DIVERGED, "the weights are not finite after 8 of 8 batches"),
        (
            own(first="batches = list(batches) * 2"),
            Status.TAMPERED,
            "16 optimizer steps by 16 gradients for 8 batches",
        ),
    ],
)
def test_what_goes_wrong_in_its_own_training_is_said(code: str, status: Status, reason: str) -> None:
    error = unfit(code)
    assert error.status is status
    assert reason in error.reason


@pytest.mark.parametrize(
    "again",
    [
        "self.optimizer.step()",  # a gradient taken twice, as networks of LEMUR's do
        "sum(parameter.abs().sum() for parameter in self.parameters()).backward()",  # no step by it
    ],
)
def test_more_steps_or_gradients_than_batches_are_fine_alone(again: str) -> None:
    assert accuracy(train(own(again=again))) > 0.9


def test_a_loss_that_is_not_finite_ends_a_long_epoch_early() -> None:
    error = unfit(own(scale="float('nan')"), plan(batch_size=2))
    assert (error.status, error.reason) == (Status.DIVERGED, "the weights are not finite after 16 of 30 batches")


def test_a_name_given_in_prm_satisfies_supported_hyperparameters() -> None:
    assert accuracy(train(own(names="('lr', 'width')"))) > 0.9
