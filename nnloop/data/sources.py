"""Where raw images come from. Every failure is a DatasetError in one line that names dataset.root."""

import contextlib
import importlib.metadata
import pickle
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnloop import compat
from nnloop.data.dataset import Pixels, Raw
from nnloop.data.split import stratified
from nnloop.errors import DatasetError

if TYPE_CHECKING:
    from nnloop.settings import DatasetSettings

DIGITS_TEST = 300  # of 1,797: 1,200 for training, 297 for validation, 300 for testing
NETWORK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset's origin.

    `version` names the raw material so that a change of it is a new cache entry; it raises DatasetError where there is
    none and none can be fetched.
    """

    version: Callable[["DatasetSettings", Path], str]
    read: Callable[["DatasetSettings", Path], Raw]


def find(name: str) -> Source:
    if name not in SOURCES:
        raise DatasetError(f"dataset.name={name}: must be one of {', '.join(sorted(SOURCES))}")
    return SOURCES[name]


def _digits_version(settings: "DatasetSettings", root: Path) -> str:
    return f"scikit-learn {importlib.metadata.version('scikit-learn')}"


def _read_digits(settings: "DatasetSettings", root: Path) -> Raw:
    """Read scikit-learn's digits, 0..16 scaled to 0..255; 300 stratified ones are the test set, whatever the seed."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    test = stratified(labels, DIGITS_TEST, seed=0)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Raw(pixels[train], labels[train], pixels[test], labels[test])


CIFAR_FOLDER = "cifar-10-batches-py"
CIFAR_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")


def _cifar_version(settings: "DatasetSettings", root: Path) -> str:
    """Name the files by size and time; download them first where the user gave no folder and there are none."""
    folder = root / CIFAR_FOLDER
    missing = [name for name in CIFAR_FILES if not (folder / name).is_file()]
    if missing and settings.root is None:
        _download_cifar(root)
    elif missing:
        what = "there is no such folder" if not folder.is_dir() else f"no file {missing[0]}"
        raise DatasetError(
            f"dataset.root={settings.root}: {folder}: {what}; dataset.root must hold the folder {CIFAR_FOLDER} "
            "with the files of the Python version of CIFAR-10"
        )
    stats = [(folder / name).stat() for name in CIFAR_FILES]
    return f"{folder.resolve()} {[(stat.st_size, stat.st_mtime_ns) for stat in stats]}"


def _download_cifar(root: Path) -> None:
    kind = _cifar_class(verify=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _network_timeout(), contextlib.redirect_stdout(sys.stderr):
            kind(str(root), download=True)
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"dataset.root=null: CIFAR-10 is not in {root} and can't be downloaded ({_first_line(error)}); "
            f"put the folder {CIFAR_FOLDER} there or give dataset.root=<folder that holds it>"
        ) from None


def _read_cifar(settings: "DatasetSettings", root: Path) -> Raw:
    kind = _cifar_class(settings.verify)
    try:
        train, test = kind(str(root), train=True), kind(str(root), train=False)
        return Raw(_chw(train.data), _labels(train.targets), _chw(test.data), _labels(test.targets))
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError, OSError) as error:
        hint = "; a subset in the same format needs dataset.verify=false" if settings.verify else ""
        raise DatasetError(
            f"dataset.root={settings.root}: the files in {root / CIFAR_FOLDER} are damaged or not CIFAR-10's "
            f"({_first_line(error)}); replace that folder{hint}"
        ) from None


def _cifar_class(verify: bool) -> Any:
    """torchvision's class; without checksums where they are not to be compared (None: the file must only exist)."""
    compat.ensure_torchvision_imports()
    from torchvision.datasets import CIFAR10

    if verify:
        return CIFAR10
    unverified = {
        "train_list": [[name, None] for name, _ in CIFAR10.train_list],
        "test_list": [[name, None] for name, _ in CIFAR10.test_list],
        "meta": {**CIFAR10.meta, "md5": None},
    }
    return type("UnverifiedCIFAR10", (CIFAR10,), unverified)


def _chw(images: Any) -> Pixels:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images are {images.dtype} {images.shape}")
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _labels(labels: list[int]) -> Any:
    return np.asarray(labels, dtype=np.int64)


@contextlib.contextmanager
def _network_timeout() -> Iterator[None]:
    """Bound every read of torchvision's downloader, which sets no timeout of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


SOURCES: dict[str, Source] = {
    "digits": Source(_digits_version, _read_digits),
    "cifar10": Source(_cifar_version, _read_cifar),
}
