"""Facts of a prepared set's pixels, a block of images at a time: mean and standard deviation, and repeated images."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from nnloop.data.dataset import Dataset, Pixels

BLOCK = 512  # images


def mean_and_std(dataset: Dataset) -> tuple[list[float], list[float]]:
    """Return both per channel, of pixels in [0, 1], over the training and validation images."""
    counts = _histogram(dataset.train_x) + _histogram(dataset.eval_x[: len(dataset.val_y)])
    values = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    std = np.sqrt(shares @ values**2 - mean**2)
    return mean.tolist(), std.tolist()


def repeats(dataset: Dataset) -> dict[str, int]:
    """Count the validation and the test images that are in the training images too, pixel by pixel."""
    trained = set(_digests(dataset.train_x))
    known = [one in trained for one in _digests(dataset.eval_x)]
    count = len(dataset.val_y)
    return {"val": sum(known[:count]), "test": sum(known[count:])}


def _digests(images: Pixels) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]


def _histogram(images: Pixels) -> NDArray[np.int64]:
    """Count the pixels of each channel by value: (C, 256)."""
    channels = images.shape[1]
    counts: NDArray[np.int64] = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        for channel in range(channels):
            counts[channel] += np.bincount(block[:, channel].ravel(), minlength=256)
    return counts
