"""Datasets as arrays: fetched, checked, split and cached once, then memory-mapped."""

from nnloop.data.complete import complete, complete_all
from nnloop.data.dataset import Dataset, DatasetPool
from nnloop.data.prepared import load
from nnloop.settings import DatasetSettings, PoolSettings

__all__ = ["Dataset", "DatasetPool", "complete", "complete_all", "load", "load_all"]


def load_all(settings: DatasetSettings | PoolSettings) -> Dataset | DatasetPool:
    """Load the dataset, or each of a pool's. Raises DatasetError."""
    if isinstance(settings, PoolSettings):
        return DatasetPool({name: load(member) for name, member in settings.of.items()})
    return load(settings)
