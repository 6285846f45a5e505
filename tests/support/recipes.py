"""Recipes for tests that train in this process."""

import torch

from nnloop.training.recipe import Recipe

CPU = torch.device("cpu")


def recipe(flip: bool = False, crop_pad: int = 0, batch: int = 8) -> Recipe:
    return Recipe(
        classes=10,
        mean=(0.5,),
        std=(0.25,),
        flip=flip,
        crop_pad=crop_pad,
        epochs=1,
        batch_size=batch,
        lr=0.1,
        momentum=0.9,
        weight_decay=0.0,
        label_smoothing=0.0,
        warmup_share=0.3,
        clip_norm=0.0,
        dropout=0.2,
    )
