"""The validation split, and subsets for quick looks: stratified, and the same for the same seed."""

import numpy as np
from numpy.typing import NDArray

from nnloop.data.dataset import Indices, Labels, Part, Raw, Split, Subset
from nnloop.settings import DatasetSettings


def stratified(labels: Labels, count: int, seed: int) -> Indices:
    """Choose `count` indices, in rising order, that keep the shares of the classes as nearly as possible."""
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


def split(raw: Raw, settings: DatasetSettings) -> Split:
    """Use the official validation set, or split a fraction of the training images off for validation.

    Raises ValueError if there is neither an official set nor a fraction.
    """
    seed, train_limit = settings.split_seed, settings.train_limit
    test = _some(raw.test, settings.test_limit, seed)
    if raw.val is not None:
        sizes = np.array([len(raw.train), len(raw.val)])
        limits = (None, None) if train_limit is None else _quotas(sizes, train_limit).tolist()
        return Split(_some(raw.train, limits[0], seed), _some(raw.val, limits[1], seed), test)
    if settings.val_fraction is None:
        raise ValueError("a set without an official validation set needs a fraction")
    pool = _some(raw.train, train_limit, seed)
    val = stratified(pool.labels, round(settings.val_fraction * len(pool.indices)), seed)
    train = np.setdiff1d(np.arange(len(pool.indices)), val)
    return Split(Subset(raw.train, pool.indices[train]), Subset(raw.train, pool.indices[val]), test)


def _some(part: Part, limit: int | None, seed: int) -> Subset:
    return Subset(part, np.arange(len(part)) if limit is None else stratified(part.labels, limit, seed))
