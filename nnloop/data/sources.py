"""The datasets that nnloop knows: their archives, their official sizes, and the functions that read them."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnloop.data import arrays, class_folders, hub_dataset, jpegs, npz
from nnloop.data.archives import ArchiveFile
from nnloop.data.dataset import Raw
from nnloop.data.survey import Survey
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings


@dataclass(frozen=True, slots=True)
class RawSource:
    """The raw files of one dataset. Only `read` and `archives` import torch: a prepared set needs neither.

    An own dataset has a survey and no archives, checksums or published sizes.
    """

    read: Callable[[DatasetSettings, Path], Raw]
    archives: Callable[[DatasetSettings], tuple[ArchiveFile, ...]]
    sizes: Callable[[DatasetSettings], tuple[int, ...]]  # training, validation if there is an official set, test
    folders: tuple[str, ...] = ()  # below root, in which torchvision's class looks
    version: Callable[[], str] = str  # names raw files that have no checksum
    survey: Callable[[DatasetSettings, Path], Survey] | None = None  # looks at an own dataset


def find(name: str) -> RawSource:
    """Return a dataset's source by its name. Raises DatasetError for an unknown one."""
    if name not in SOURCES:
        raise DatasetError(f"dataset.name={name}: must be one of {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


def _own(read: Callable[[DatasetSettings, Path], Raw], survey: Callable[[DatasetSettings, Path], Survey]) -> RawSource:
    return RawSource(read, lambda _: (), lambda _: (), survey=survey)


_cifar = partial(RawSource, arrays.read_cifar, arrays.cifar_archives, lambda _: (50_000, 10_000))
SOURCES: dict[str, RawSource] = {
    "cifar10": _cifar(folders=("cifar-10-batches-py",)),
    "cifar100": _cifar(folders=("cifar-100-python",)),
    "mnist": RawSource(
        arrays.read_mnist, arrays.mnist_archives, lambda _: (60_000, 10_000), folders=("MNIST", "MNIST/raw")
    ),
    "svhn": RawSource(arrays.read_svhn, arrays.svhn_archives, arrays.svhn_sizes),
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
        version=partial(importlib.metadata.version, "scikit-learn"),
    ),
    "folder": _own(class_folders.read_folder, class_folders.survey_folder),
    "hf": _own(hub_dataset.read_hub, hub_dataset.survey_hub),
    "npz": _own(npz.read_npz, npz.survey_npz),
}
