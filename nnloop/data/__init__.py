"""Datasets as arrays: fetched, checked, split and cached once, then memory-mapped."""

from nnloop.data.dataset import Dataset
from nnloop.data.prepared import load

__all__ = ["Dataset", "load"]
