"""A dataset in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (N, C, H, W)
Labels = NDArray[np.int64]  # (N,)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images and labels, usually memory-mapped and read-only.

    `eval_x` holds the validation images first, then the test images. Its labels are kept apart from it: a candidate
    gets the images and never the labels.
    """

    name: str
    train_x: Pixels
    train_y: Labels
    eval_x: Pixels
    val_y: Labels
    test_y: Labels
    fingerprint: str  # of the pixels, the labels and the split


@dataclass(frozen=True, slots=True)
class Raw:
    """A dataset as its source publishes it, before the validation split."""

    train_x: Pixels
    train_y: Labels
    test_x: Pixels
    test_y: Labels
