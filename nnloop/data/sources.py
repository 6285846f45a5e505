"""The datasets that nnloop knows: their archives, their official sizes, and who reads them."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnloop.data import arrays, jpegs
from nnloop.data.archives import Archive
from nnloop.data.dataset import Raw
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset's origin. All but `read` know nothing of torch, so that a prepared set is found without it.

    `folders` are those below root in which torchvision's class looks; `size` is the side of the published images in
    pixels, None where they are cut to dataset.size; `version` names raw material that no checksum does.
    """

    read: Callable[[DatasetSettings, Path], Raw]
    archives: Callable[[DatasetSettings], tuple[Archive, ...]]
    sizes: Callable[[DatasetSettings], tuple[int, ...]]  # training, validation where it is official, test
    folders: tuple[str, ...] = ()
    size: int | None = None
    version: Callable[[], str] = str


def find(name: str) -> Source:
    if name not in SOURCES:
        raise DatasetError(f"dataset.name={name}: must be one of {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


SOURCES: dict[str, Source] = {
    "cifar10": Source(
        arrays.read_cifar, arrays.cifar_archives, lambda _: (50_000, 10_000), ("cifar-10-batches-py",), size=32
    ),
    "cifar100": Source(
        arrays.read_cifar, arrays.cifar_archives, lambda _: (50_000, 10_000), ("cifar-100-python",), size=32
    ),
    "mnist": Source(
        arrays.read_mnist, arrays.mnist_archives, lambda _: (60_000, 10_000), ("MNIST", "MNIST/raw"), size=28
    ),
    "svhn": Source(arrays.read_svhn, arrays.svhn_archives, arrays.svhn_sizes, size=32),
    "imagenette": Source(
        jpegs.read_imagenette,
        jpegs.imagenette_archives,
        lambda _: (9_469, 3_925),
        ("imagenette2", "imagenette2-320", "imagenette2-160"),
    ),
    "celeba": Source(jpegs.read_celeba, jpegs.celeba_archives, lambda _: (162_770, 19_867, 19_962), ("celeba",)),
    "digits": Source(
        arrays.read_digits,
        lambda _: (),
        lambda _: (1_497, 300),
        size=8,
        version=lambda: importlib.metadata.version("scikit-learn"),
    ),
}
