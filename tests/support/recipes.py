"""Recipes, images and networks for tests that train in this process."""

from dataclasses import fields, replace
from typing import Any

import torch

from nnloop.settings import DatasetSettings, LemurProxySettings
from nnloop.training.images import Normalise, TrainBatches, TrainImages
from nnloop.training.recipe import Recipe, build_recipe

CPU = torch.device("cpu")
CHANNELS_LAST = torch.channels_last
LEMUR = LemurProxySettings(
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
    own_recipe=False,
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


def dataset_settings(**changes: Any) -> DatasetSettings:
    """Return the settings of ten classes of grey images; None for all settings that training doesn't use."""
    unused: dict[str, Any] = dict.fromkeys(field.name for field in fields(DatasetSettings))
    used = {"classes": 10, "channels": 1, "mean": [0.3], "std": [0.4], "flip": True, "crop_pad": 1}
    return DatasetSettings(**unused | used | changes)


def recipe(flip: bool = False, crop_pad: int = 0, batch: int = 8) -> Recipe:
    return Recipe(
        classes=10,
        mean=[0.5],
        std=[0.25],
        epochs=1,
        batch_size=batch,
        lr=0.1,
        momentum=0.9,
        clip_norm=0.0,
        dropout=0.2,
        flip=flip,
        crop_pad=crop_pad,
        warmup_share=0.3,
        nesterov=True,
        precision="auto",
    )


def lemur_recipe(epochs: int = 1, count: int = 60, **changes: Any) -> Recipe:
    """Return LEMUR's recipe for so many images, with some settings of the protocol changed."""
    return build_recipe(dataset_settings(), replace(LEMUR, **changes), epochs=epochs, images=count)


def numbered_images(count: int = 20) -> TrainImages:
    """Return images whose every pixel is their number, as is their label."""
    x = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 1, 8, 8).contiguous()
    return TrainImages(x, torch.arange(count))


def rows(count: int = 60) -> TrainImages:
    """Return classes that a linear network can tell: one bright row each."""
    y = torch.arange(count) % 10
    x = torch.zeros(count, 1, 10, 10, dtype=torch.uint8)
    x[torch.arange(count), 0, y] = 255
    return TrainImages(x, y)


def batches(of: TrainImages, plan: Recipe, seed: int = 0) -> TrainBatches:
    return TrainBatches(of, plan, Normalise(plan, CPU, CHANNELS_LAST), seed=seed)


def own_network(
    names: str = "{'lr', 'momentum'}",
    optimizer: str = SGD,
    first: str = "pass",
    again: str = "pass",
    last: str = "pass",
    scale: str = "1",
) -> str:
    """Return a linear network that trains by its own loop, with statements of the test's in it."""
    return OWN.format(names=names, optimizer=optimizer, first=first, again=again, last=last, scale=scale)
