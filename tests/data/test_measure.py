"""Mean and standard deviation of a set's pixels."""

import numpy as np

from nnloop.data.dataset import Dataset
from nnloop.data.measure import mean_and_std


def test_mean_and_std_are_those_of_all_pixels_that_are_not_for_testing() -> None:
    rng = np.random.default_rng(0)
    train, evaluated = rng.integers(0, 256, (1100, 2, 3, 3), np.uint8), rng.integers(0, 256, (90, 2, 3, 3), np.uint8)
    none = np.zeros(0, np.int64)
    mean, std = mean_and_std(Dataset("x", train, none, evaluated, np.zeros(40, np.int64), none, ""))
    seen = np.concatenate([train, evaluated[:40]]) / 255
    np.testing.assert_allclose(mean, seen.mean((0, 2, 3)))
    np.testing.assert_allclose(std, seen.std((0, 2, 3)))
