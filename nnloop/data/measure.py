"""The mean and standard deviation of a prepared set's pixels: exact, from histograms, a block of images at a time."""

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


def _histogram(images: Pixels) -> NDArray[np.int64]:
    """Count the pixels of each channel by value: (C, 256)."""
    channels = images.shape[1]
    counts: NDArray[np.int64] = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        for channel in range(channels):
            counts[channel] += np.bincount(block[:, channel].ravel(), minlength=256)
    return counts
