"""Recipes for tests that train in this process."""

from dataclasses import fields
from typing import Any

import torch

from nnloop.settings import DatasetSettings
from nnloop.training.recipe import Recipe

CPU = torch.device("cpu")


def dataset_settings() -> DatasetSettings:
    """Ten classes of grey images; what training doesn't look at is None."""
    unused: dict[str, Any] = dict.fromkeys(field.name for field in fields(DatasetSettings))
    used = {"classes": 10, "channels": 1, "mean": [0.3], "std": [0.4], "flip": True, "crop_pad": 1}
    return DatasetSettings(**unused | used)


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
