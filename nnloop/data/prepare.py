"""The prepared cache: $NNLOOP_CACHE/prepared/<name>-<key>/, one npy file an array and meta.json.

A folder is written beside its place and renamed into it, so a half-written one is never seen under its name; sizes are
compared on reading, and a damaged folder is made anew.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnloop.data import sources
from nnloop.data.dataset import Dataset, Raw
from nnloop.data.split import cut_validation
from nnloop.errors import DatasetError

if TYPE_CHECKING:
    from nnloop.settings import DatasetSettings

ARRAYS = ("train_x", "train_y", "eval_x", "val_y", "test_y")
VERSION = 1  # of this layout and of how the arrays are made

log = logging.getLogger(__name__)


def cache_home() -> Path:
    """Where nnloop keeps what it can make again."""
    return Path(os.environ.get("NNLOOP_CACHE") or Path.home() / ".cache" / "nnloop")


def load(settings: "DatasetSettings") -> Dataset:
    """Return the dataset, memory-mapped from the cache; prepare it first where it isn't there. Raises DatasetError."""
    source = sources.find(settings.name)
    root = _root(settings)
    folder = cache_home() / "prepared" / f"{settings.name}-{_key(settings, source.version(settings, root))}"
    dataset = _read(settings.name, folder)
    if dataset is None:
        log.info("preparing %s in %s", settings.title, folder)
        raw = source.read(settings, root)
        _check(settings, raw, root)
        _write(cut_validation(settings.name, raw, settings.val_fraction, settings.split_seed), folder)
        dataset = _read(settings.name, folder)
    if dataset is None:
        raise DatasetError(f"NNLOOP_CACHE={cache_home()}: {folder} was written and can't be read back")
    return dataset


def _root(settings: "DatasetSettings") -> Path:
    if settings.root is None:
        return cache_home() / "raw"
    root = Path(settings.root).expanduser()
    return root.parent if root.name == sources.CIFAR_FOLDER else root


def _key(settings: "DatasetSettings", version: str) -> str:
    parts = [VERSION, settings.name, settings.val_fraction, settings.split_seed, settings.verify, version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _check(settings: "DatasetSettings", raw: Raw, root: Path) -> None:
    """Refuse raw data that is not of the configured shape. Raises DatasetError."""
    shape = (settings.channels, settings.size, settings.size)
    for part, x, y in (("training", raw.train_x, raw.train_y), ("test", raw.test_x, raw.test_y)):
        if x.shape != (len(y), *shape) or not len(y):
            raise DatasetError(
                f"dataset.root={settings.root}: {root} holds {part} images of shape {x.shape} and {len(y)} labels, "
                f"expected (N, {', '.join(map(str, shape))}) and N labels; replace the raw files"
            )
        if y.min() < 0 or y.max() >= settings.classes:
            raise DatasetError(
                f"dataset.root={settings.root}: {root} holds {part} labels from {y.min()} to {y.max()}, "
                f"expected 0 to {settings.classes - 1}; replace the raw files"
            )


def _write(dataset: Dataset, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise DatasetError(f"NNLOOP_CACHE={cache_home()}: can't be written ({error.strerror})") from None
    try:
        for name in ARRAYS:
            np.save(draft / f"{name}.npy", getattr(dataset, name))
        sizes = {name: (draft / f"{name}.npy").stat().st_size for name in ARRAYS}
        meta = {"fingerprint": _fingerprint(dataset), "sizes": sizes}
        (draft / "meta.json").write_text(json.dumps(meta))
        _place(draft, folder)
    except OSError as error:
        raise DatasetError(f"NNLOOP_CACHE={cache_home()}: can't be written ({error.strerror})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _place(draft: Path, folder: Path) -> None:
    """Rename the draft into place; where another process was first, keep that one's."""
    if folder.exists():
        shutil.rmtree(folder)
    try:
        os.rename(draft, folder)
    except OSError:
        if not (folder / "meta.json").exists():
            raise


def _read(name: str, folder: Path) -> Dataset | None:
    """Map a prepared folder; None where it is missing or damaged."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        if any((folder / f"{array}.npy").stat().st_size != size for array, size in meta["sizes"].items()):
            return None
        arrays = {array: np.load(folder / f"{array}.npy", mmap_mode="r") for array in ARRAYS}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    dataset = Dataset(name=name, fingerprint="", **arrays)
    return replace(dataset, fingerprint=str(meta["fingerprint"]))


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256(dataset.name.encode())
    for name in ARRAYS:
        array = np.ascontiguousarray(getattr(dataset, name))
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]
