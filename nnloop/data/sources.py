"""The datasets that nnloop knows: their archives, their official sizes, and the functions that read them."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnloop.data import arrays, jpegs
from nnloop.data.archives import ArchiveFile
from nnloop.data.dataset import Raw
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings


@dataclass(frozen=True, slots=True)
class RawSource:
    """The raw files of one dataset. Only `read` and `archives` import torch: a prepared set needs neither."""

    read: Callable[[DatasetSettings, Path], Raw]
    archives: Callable[[DatasetSettings], tuple[ArchiveFile, ...]]
    sizes: Callable[[DatasetSettings], tuple[int, ...]]  # training, validation if there is an official set, test
    folders: tuple[str, ...] = ()  # below root, in which torchvision's class looks
    size: int | None = None  # side of the published images in pixels; None: they are cut to dataset.size
    version: Callable[[], str] = str  # names raw files that have no checksum


def find(name: str) -> RawSource:
    """Return a dataset's source by its name. Raises DatasetError for an unknown one."""
    if name not in SOURCES:
        raise DatasetError(f"dataset.name={name}: must be one of {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


_cifar = partial(RawSource, arrays.read_cifar, arrays.cifar_archives, lambda _: (50_000, 10_000), size=32)
SOURCES: dict[str, RawSource] = {
    "cifar10": _cifar(folders=("cifar-10-batches-py",)),
    "cifar100": _cifar(folders=("cifar-100-python",)),
    "mnist": RawSource(
        arrays.read_mnist, arrays.mnist_archives, lambda _: (60_000, 10_000), folders=("MNIST", "MNIST/raw"), size=28
    ),
    "svhn": RawSource(arrays.read_svhn, arrays.svhn_archives, arrays.svhn_sizes, size=32),
    "imagenette": RawSource(
        jpegs.read_imagenette,
        jpegs.imagenette_archives,
        lambda _: (9_469, 3_925),
        folders=("imagenette2", "imagenette2-320", "imagenette2-160"),
    ),
    "celeba": RawSource(
        jpegs.read_celeba, jpegs.celeba_archives, lambda _: (162_770, 19_867, 19_962), folders=("celeba",)
    ),
    "digits": RawSource(
        arrays.read_digits,
        lambda _: (),
        lambda _: (1_497, 300),
        size=8,
        version=partial(importlib.metadata.version, "scikit-learn"),
    ),
}
