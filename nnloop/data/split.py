"""The validation split."""

import numpy as np
from numpy.typing import NDArray

from nnloop.data.dataset import Dataset, Labels, Raw


def stratified(labels: Labels, count: int, seed: int) -> NDArray[np.int64]:
    """Choose `count` indices that keep the shares of the classes as nearly as whole numbers allow, in rising order."""
    generator = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    quotas = _quotas(sizes, count)
    chosen = [
        generator.permutation(np.flatnonzero(labels == kind))[:quota]
        for kind, quota in zip(classes, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _quotas(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Share `count` out in proportion to `sizes`, by largest remainder."""
    exact = sizes * count / sizes.sum()
    quotas: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    short = count - int(quotas.sum())
    quotas[np.argsort(quotas - exact, kind="stable")[:short]] += 1
    return quotas


def cut_validation(name: str, raw: Raw, fraction: float, seed: int) -> Dataset:
    """Cut `fraction` of the training images off for validation; the official test set stays as it is."""
    held = stratified(raw.train_y, round(fraction * len(raw.train_y)), seed)
    kept = np.setdiff1d(np.arange(len(raw.train_y)), held)
    return Dataset(
        name=name,
        train_x=np.ascontiguousarray(raw.train_x[kept]),
        train_y=raw.train_y[kept],
        eval_x=np.concatenate([raw.train_x[held], raw.test_x]),
        val_y=raw.train_y[held],
        test_y=raw.test_y,
        fingerprint="",
    )
