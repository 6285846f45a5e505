"""Datasets that are published as arrays: CIFAR, MNIST, SVHN and scikit-learn's digits."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nnloop.data.archives import ArchiveFile
from nnloop.data.dataset import Labels, Part, Pixels, Raw
from nnloop.data.official import official
from nnloop.data.split import stratified
from nnloop.settings import DatasetSettings, SvhnSettings

DIGITS_TEST = 300  # of 1,797: 1,200 for training, 297 for validation, 300 for testing


def cifar_archives(settings: DatasetSettings) -> tuple[ArchiveFile, ...]:
    """Return the archive of CIFAR-10 or CIFAR-100."""
    kind = _cifar_class(settings)
    files = (*(name for name, _ in kind.train_list + kind.test_list), kind.meta["filename"])
    unpacked = tuple(f"{kind.base_folder}/{name}" for name in files)
    return (ArchiveFile(kind.filename, urls=(kind.url,), md5=kind.tgz_md5, unpacked=unpacked),)


def read_cifar(settings: DatasetSettings, root: Path) -> Raw:
    """Read the pickled batches of CIFAR-10 or CIFAR-100 (its 100 fine classes).

    Without checksums (dataset.verify off), nothing but arrays, texts and numbers is unpickled.
    """
    kind = _cifar_class(settings)
    if settings.verify:
        images = (kind(str(root), train=train) for train in (True, False))
        return Raw(*(part(each.data.transpose(0, 3, 1, 2), each.targets) for each in images))
    return Raw(*(_unverified_part(root / kind.base_folder, names) for names in (kind.train_list, kind.test_list)))


def mnist_archives(settings: DatasetSettings) -> tuple[ArchiveFile, ...]:
    """Return the four archives of MNIST, each of which holds one file."""
    kind = official("MNIST")
    return tuple(
        ArchiveFile(
            f"MNIST/raw/{name}",
            urls=tuple(f"{mirror}{name}" for mirror in kind.mirrors),
            md5=md5,
            unpacked=(f"MNIST/raw/{name.removesuffix('.gz')}",),
        )
        for name, md5 in kind.resources
    )


def read_mnist(settings: DatasetSettings, root: Path) -> Raw:
    """Read MNIST's files of images and labels."""
    images = (official("MNIST")(str(root), train=train) for train in (True, False))
    return Raw(*(part(each.data.numpy()[:, None], each.targets) for each in images))


def svhn_archives(settings: DatasetSettings) -> tuple[ArchiveFile, ...]:
    """Return SVHN's files, which are read as they are: train, extra where dataset.extra is set, and test."""
    files = (official("SVHN").split_list[name] for name in _svhn_parts(settings))
    return tuple(ArchiveFile(name, urls=(url,), md5=md5) for url, name, md5 in files)


def svhn_sizes(settings: DatasetSettings) -> tuple[int, int]:
    """Return the published numbers of images for training (with dataset.extra, extra included) and for testing."""
    return (73_257 + 531_131 * ("extra" in _svhn_parts(settings)), 26_032)


def read_svhn(settings: DatasetSettings, root: Path) -> Raw:
    """Read SVHN's MATLAB files; extra images come after the training images."""
    kind = official("SVHN")
    if not settings.verify:
        unverified = {name: [url, file, None] for name, (url, file, _) in kind.split_list.items()}
        kind = type("UnverifiedSVHN", (kind,), {"split_list": unverified})
    *train, test = (kind(str(root), split=name) for name in _svhn_parts(settings))
    pixels = train[0].data if len(train) == 1 else np.concatenate([each.data for each in train])
    return Raw(part(pixels, np.concatenate([each.labels for each in train])), part(test.data, test.labels))


def read_digits(settings: DatasetSettings, root: Path) -> Raw:
    """Read scikit-learn's digits, scaled from 0..16 to 0..255; 300 stratified ones are the test set for every seed."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    test = stratified(labels, DIGITS_TEST, seed=0)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Raw(part(pixels[train], labels[train]), part(pixels[test], labels[test]))


def part(pixels: Pixels, labels: ArrayLike) -> Part:
    """Return images in memory, uint8 (N, C, H, W), and their labels (N,) as a Part. Raises ValueError for others."""
    if pixels.dtype != np.uint8 or pixels.ndim != 4:
        raise ValueError(f"images are {pixels.dtype} {pixels.shape}")
    numbers: Labels = np.asarray(labels, dtype=np.int64)
    if numbers.shape != (len(pixels),):
        raise ValueError(f"{len(pixels)} images have labels of shape {numbers.shape}")
    return Part(numbers, lambda indices: np.ascontiguousarray(pixels[indices]))


def _cifar_class(settings: DatasetSettings) -> Any:
    return official("CIFAR100" if settings.name == "cifar100" else "CIFAR10")


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that runs no code: it makes arrays, and knows no other class."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the names that pickled arrays need. Raises UnpicklingError for any other."""
        if (module.replace("numpy._core", "numpy.core"), name) not in _NAMES_OF_ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name} in a file of arrays")
        return super().find_class(module, name)


_NAMES_OF_ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def _unverified_part(folder: Path, names: list[list[str]]) -> Part:
    batches = []
    for name, _ in names:
        with (folder / name).open("rb") as file:
            batches.append(_ArraysOnly(file, encoding="latin1").load())
    labels = [label for batch in batches for label in batch.get("labels") or batch["fine_labels"]]
    return part(np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32), labels)


def _svhn_parts(settings: DatasetSettings) -> tuple[str, ...]:
    return ("train", "extra", "test") if isinstance(settings, SvhnSettings) and settings.extra else ("train", "test")
