"""Datasets that are published as arrays: CIFAR, MNIST, SVHN and scikit-learn's digits."""

from pathlib import Path
from typing import Any

import numpy as np

from nnloop.data.archives import Archive
from nnloop.data.dataset import Indices, Labels, Part, Pixels, Raw
from nnloop.data.official import official
from nnloop.data.split import stratified
from nnloop.settings import DatasetSettings, SvhnSettings

DIGITS_TEST = 300  # of 1,797: 1,200 for training, 297 for validation, 300 for testing
SVHN_SIZES = {"train": 73_257, "extra": 531_131, "test": 26_032}


def cifar_archives(settings: DatasetSettings) -> tuple[Archive, ...]:
    kind = _cifar_class(settings)
    files = (*(name for name, _ in kind.train_list + kind.test_list), kind.meta["filename"])
    gives = tuple(f"{kind.base_folder}/{name}" for name in files)
    return (Archive(kind.filename, (kind.url,), kind.tgz_md5, gives),)


def read_cifar(settings: DatasetSettings, root: Path) -> Raw:
    """Read the pickled batches of CIFAR-10 or CIFAR-100 (its 100 fine classes)."""
    kind = _unverified(_cifar_class(settings), settings)
    train, test = kind(str(root), train=True), kind(str(root), train=False)
    return Raw(*(part(_channels_first(found.data), found.targets) for found in (train, test)))


def mnist_archives(settings: DatasetSettings) -> tuple[Archive, ...]:
    kind = official("MNIST")
    return tuple(
        Archive(
            f"MNIST/raw/{name}",
            tuple(f"{mirror}{name}" for mirror in kind.mirrors),
            md5,
            (f"MNIST/raw/{name.removesuffix('.gz')}",),
        )
        for name, md5 in kind.resources
    )


def read_mnist(settings: DatasetSettings, root: Path) -> Raw:
    kind = official("MNIST")
    train, test = kind(str(root), train=True), kind(str(root), train=False)
    return Raw(*(part(found.data.numpy()[:, None], found.targets) for found in (train, test)))


def svhn_archives(settings: DatasetSettings) -> tuple[Archive, ...]:
    found = (official("SVHN").split_list[name] for name in _svhn_parts(settings))
    return tuple(Archive(name, (url,), md5) for url, name, md5 in found)


def svhn_sizes(settings: DatasetSettings) -> tuple[int, ...]:
    *train, test = (SVHN_SIZES[name] for name in _svhn_parts(settings))
    return (sum(train), test)


def read_svhn(settings: DatasetSettings, root: Path) -> Raw:
    kind = official("SVHN")
    if not settings.verify:
        unverified = {name: [url, file, None] for name, (url, file, _) in kind.split_list.items()}
        kind = type("UnverifiedSVHN", (kind,), {"split_list": unverified})
    *train, test = (kind(str(root), split=name) for name in _svhn_parts(settings))
    pixels = train[0].data if len(train) == 1 else np.concatenate([found.data for found in train])
    return Raw(part(pixels, np.concatenate([found.labels for found in train])), part(test.data, test.labels))


def read_digits(settings: DatasetSettings, root: Path) -> Raw:
    """Read scikit-learn's digits, 0..16 scaled to 0..255; 300 stratified ones are the test set, whatever the seed."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    test = stratified(labels, DIGITS_TEST, seed=0)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Raw(part(pixels[train], labels[train]), part(pixels[test], labels[test]))


def part(pixels: Pixels, labels: Any) -> Part:
    """Images that are in memory, with labels in any form that numpy takes."""
    if pixels.dtype != np.uint8 or pixels.ndim != 4:
        raise ValueError(f"images are {pixels.dtype} {pixels.shape}")
    numbers: Labels = np.asarray(labels, dtype=np.int64)
    if numbers.shape != (len(pixels),):
        raise ValueError(f"{len(pixels)} images have labels of shape {numbers.shape}")

    def some(chosen: Indices) -> Pixels:
        return np.ascontiguousarray(pixels[chosen])

    return Part(numbers, some)


def _cifar_class(settings: DatasetSettings) -> Any:
    return official("CIFAR100" if settings.name == "cifar100" else "CIFAR10")


def _unverified(kind: Any, settings: DatasetSettings) -> Any:
    """A CIFAR class without checksums where they are not to be compared (None: the file must only exist)."""
    if settings.verify:
        return kind
    lists = {key: [[name, None] for name, _ in getattr(kind, key)] for key in ("train_list", "test_list")}
    return type(f"Unverified{kind.__name__}", (kind,), {**lists, "meta": {**kind.meta, "md5": None}})


def _svhn_parts(settings: DatasetSettings) -> tuple[str, ...]:
    return ("train", "extra", "test") if isinstance(settings, SvhnSettings) and settings.extra else ("train", "test")


def _channels_first(images: Any) -> Pixels:
    pixels: Pixels = images.transpose(0, 3, 1, 2)
    return pixels
