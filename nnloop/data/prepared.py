"""The prepared cache: $NNLOOP_CACHE/prepared/<name>-<key>/, one npy file an array and meta.json.

A folder is written under another name and then renamed, so no process finds an incomplete one. Sizes are checked on
reading, and a damaged folder is made anew. A prepared set no longer needs its raw files.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from nnloop.data import sources
from nnloop.data.archives import ArchiveFile, provide, root_error
from nnloop.data.dataset import Dataset, Part, Raw
from nnloop.data.kaggle import kaggle_folder
from nnloop.data.lock import acquire
from nnloop.data.measure import repeats
from nnloop.data.npy import write
from nnloop.data.pixels import resize_all
from nnloop.data.sources import RawSource
from nnloop.data.split import split
from nnloop.data.survey import check_parts, listing
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, HubDatasetSettings, known
from nnloop.settings.keys import affecting, former
from nnloop.settings.setting import DATA

ARRAYS = ("train_x", "train_y", "eval_x", "val_y", "test_y")
VERSION = 2  # of this layout and of how the arrays are made
MOST_NAMED = 30  # unreadable images in a message

log = logging.getLogger(__name__)


def cache_home() -> Path:
    """Return the folder of all files that nnloop can make again: $NNLOOP_CACHE, or ~/.cache/nnloop."""
    return Path(os.environ.get("NNLOOP_CACHE") or Path.home() / ".cache" / "nnloop")


def load(settings: DatasetSettings) -> Dataset:
    """Return the dataset, memory-mapped from the cache; prepare it first if it is not there.

    Raises DatasetError if the settings don't suit the dataset, or files can't be fetched, read or written.
    """
    source = sources.find(settings.name)
    folder = prepared_folder(settings)
    dataset = _read(settings, folder)
    if dataset is None:
        _check_settings(settings, source)
        try:
            with acquire(cache_home() / "locks" / folder.name) as exclusive:
                dataset = _read(settings, folder)  # prepared meanwhile by another process
                if dataset is None:
                    _prepare(settings, source, folder, exclusive=exclusive)
                    dataset = _read(settings, folder)
                    _tell_repeats(settings, source, dataset)
        except OSError as error:
            raise _unwritable(error) from None
    if dataset is None:
        raise DatasetError(f"NNLOOP_CACHE={cache_home()}: {folder} was written and can't be read back")
    return dataset


def prepared_folder(settings: DatasetSettings) -> Path:
    """Return the folder of a prepared set; its name depends on every setting that the arrays depend on.

    Raw files that passed their checksums are the same in every folder; unchecked ones are told apart by their folder.
    """
    data = affecting({"dataset": asdict(settings)}, DATA)
    parts = {key.removeprefix("dataset."): value for key, value in data.items() if value != former(key)}
    root = root_of(settings)
    on_the_hub = isinstance(settings, HubDatasetSettings) and not root.exists()
    checked = settings.verify and kaggle_folder(settings) is None
    place = None if checked or on_the_hub else str(root.resolve())
    text = json.dumps([VERSION, parts, place, sources.find(settings.name).version()])
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return cache_home() / "prepared" / f"{settings.name}-{key}"


def root_of(settings: DatasetSettings) -> Path:
    """Return the folder that torchvision's classes call root; the user may also give a folder below it.

    Of an own dataset it is the folder or the file that the user named.
    """
    if isinstance(settings, HubDatasetSettings):
        return Path(settings.path).expanduser()
    if settings.root is None:
        return cache_home() / "raw"
    root = Path(settings.root).expanduser()
    for folder in sources.find(settings.name).folders:
        inner = Path(folder)
        if root.parts[-len(inner.parts) :] == inner.parts and root.is_dir():
            return root.parents[len(inner.parts) - 1]
    return root


def _prepare(settings: DatasetSettings, source: RawSource, folder: Path, *, exclusive: bool) -> None:
    started = time.monotonic()
    root = root_of(settings)
    archives = source.archives(settings)
    provide(settings, root, archives)
    raw = _read_raw(settings, source, root)
    log.info("preparing %s in %s", settings.title, folder)
    parts = split(_sized(raw, settings), settings)
    shape = (known(settings.channels), known(settings.size), known(settings.size))
    if exclusive:
        for left in folder.parent.glob(f".{folder.name}-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
    draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    draft.mkdir(parents=True)  # with the umask's permissions, because a cache may be shared
    try:
        fingerprint = write(parts, draft, name=settings.name, shape=shape)
        _check_faults(settings, folder, raw.faults)
        sizes = {name: (draft / f"{name}.npy").stat().st_size for name in ARRAYS}
        stamps = [] if settings.verify else _stamps(root, archives)
        meta = {"fingerprint": fingerprint, "sizes": sizes, "raw": stamps, "class_names": raw.class_names}
        meta |= {"listing": listing(root)} if source.survey and root.exists() else {}
        (draft / "meta.json").write_text(json.dumps(meta))
        _install(draft, folder)
    except ValueError as error:
        raise _damaged(settings, root, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    log.info("prepared %s in %.1f s: %.1f MB", settings.title, time.monotonic() - started, sum(sizes.values()) / 1e6)


def _read_raw(settings: DatasetSettings, source: RawSource, root: Path) -> Raw:
    """Read the raw files. Raises DatasetError if they are damaged or do not suit the settings."""
    try:
        raw = source.read(settings, root)
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(f"dataset={settings.name}: not enough memory to read the files in {root}") from None
    except Exception as error:  # torchvision, pickle, scipy and zipfile may raise anything on a damaged file
        raise _damaged(settings, root, error) from None
    if source.survey is not None:
        check_parts(settings, given_as(settings), raw, names=raw.class_names)
    expected = source.sizes(settings)
    if settings.verify and raw.sizes != expected:
        raise root_error(
            settings,
            f"{root} holds {_counts(raw.sizes)} images, {_counts(expected)} are published; replace "
            "the raw files, or take them as they are with dataset.verify=false",
        )
    for labels in (np.unique(part.labels) for part in raw.parts):
        if not len(labels) or labels[0] < 0 or labels[-1] >= known(settings.classes):
            content = f"labels from {labels[0]} to {labels[-1]}" if len(labels) else "a part without images"
            raise root_error(
                settings, f"{root} holds {content}, expected 0 to {known(settings.classes) - 1}; replace the raw files"
            )
    _check_limits(settings, raw)
    return raw


def _check_settings(settings: DatasetSettings, source: RawSource) -> None:
    if source.survey is not None:
        if settings.val_fraction is None:
            raise DatasetError("dataset.val_fraction=null: must be a number, for the images without a validation set")
        return
    official = len(source.sizes(settings)) == 3
    if official != (settings.val_fraction is None):
        needed = "null: it has an official validation set" if official else "a number: it has no validation set"
        raise DatasetError(f"dataset.val_fraction={settings.val_fraction}: for {settings.name} this must be {needed}")


def given_as(settings: DatasetSettings) -> str:
    """Return the setting that names an own dataset, with its value."""
    return (
        f"dataset.path={settings.path}" if isinstance(settings, HubDatasetSettings) else f"dataset.root={settings.root}"
    )


def _sized(raw: Raw, settings: DatasetSettings) -> Raw:
    """Return the parts with images of dataset.size."""

    def sized(part: Part) -> Part:
        return Part(part.labels, lambda rows: resize_all(part.pixels(rows), known(settings.size), settings.fit))

    return replace(raw, train=sized(raw.train), test=sized(raw.test), val=raw.val and sized(raw.val))


def _check_faults(settings: DatasetSettings, folder: Path, faults: list[str]) -> None:
    """Raise DatasetError if images could not be read; a file lists all of them if they are many."""
    if not faults:
        return
    faults.sort()
    shown = ", ".join(faults[:MOST_NAMED])
    if len(faults) > MOST_NAMED:
        listed = cache_home() / "unreadable" / f"{folder.name}.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("".join(f"{fault}\n" for fault in faults))
        shown += f" and {len(faults) - MOST_NAMED} more, all listed in {listed}"
    count = "1 image" if len(faults) == 1 else f"{len(faults)} images"
    raise DatasetError(f"{given_as(settings)}: {count} can't be read: {shown}; replace them or take them away")


def _tell_repeats(settings: DatasetSettings, source: RawSource, dataset: Dataset | None) -> None:
    """Warn if an own dataset's parts share images, since accuracies then are too high."""
    if source.survey is None or dataset is None:
        return
    for part, count in repeats(dataset).items():
        if count:
            log.warning("%s: %d of its %s images are among the training images too", given_as(settings), count, part)


def _check_limits(settings: DatasetSettings, raw: Raw) -> None:
    for key, size in (("train_limit", sum(raw.sizes[:-1])), ("test_limit", raw.sizes[-1])):
        limit = getattr(settings, key)
        if limit is not None and limit > size:
            raise DatasetError(f"dataset.{key}={limit}: {settings.name} has {size:,} such images; null takes all")


def _install(draft: Path, folder: Path) -> None:
    """Rename the draft to its final name, unless another process was first."""
    if folder.exists():
        shutil.rmtree(folder)
    try:
        os.rename(draft, folder)
    except OSError:
        if not (folder / "meta.json").exists():
            raise


def _read(settings: DatasetSettings, folder: Path) -> Dataset | None:
    """Map a prepared folder; None if it is missing or damaged, or if its raw files have changed since."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        if any((folder / f"{array}.npy").stat().st_size != size for array, size in meta["sizes"].items()):
            return None
        if any(stamp != _stamp(Path(stamp[0])) for stamp in meta["raw"] if Path(stamp[0]).exists()):
            return None
        root = root_of(settings)
        if "listing" in meta and root.exists() and listing(root) != meta["listing"]:
            return None
        arrays = {array: np.load(folder / f"{array}.npy", mmap_mode="r") for array in ARRAYS}
        names = list(meta.get("class_names", []))
        return Dataset(name=settings.name, fingerprint=str(meta["fingerprint"]), class_names=names, **arrays)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _stamps(root: Path, archives: tuple[ArchiveFile, ...]) -> list[list[str | int]]:
    """Return name, size and time of the raw files and of folders two levels deep; an edited JPEG is not noticed."""
    wanted = [path for each in archives for path in (*each.unpacked, each.path, each.folder) if path]
    paths = [root / path for path in wanted if (root / path).exists()]
    below = [child for folder in paths if folder.is_dir() for child in sorted(folder.iterdir()) if child.is_dir()]
    return [_stamp(path.resolve()) for path in (*paths, *below)]


def _stamp(path: Path) -> list[str | int]:
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]


def _damaged(settings: DatasetSettings, root: Path, error: BaseException) -> DatasetError:
    first = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
    hint = "; a part of it, or a set in its format, needs dataset.verify=false" if settings.verify else ""
    return root_error(
        settings,
        f"the files in {root} are damaged or not those of {settings.title} ({first}); delete them "
        f"and fetch them again{hint}",
    )


def _unwritable(error: OSError) -> DatasetError:
    home = cache_home()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(home if home.exists() else home.parent).free
        remedy = f"{free / 1e6:,.0f} MB are free there; make room, or set NNLOOP_CACHE to a folder on a larger disk"
    else:
        remedy = "make it writable, or set NNLOOP_CACHE to a folder that is"
    return DatasetError(f"NNLOOP_CACHE={home}: can't be written ({error.strerror or error}); {remedy}")


def _counts(sizes: tuple[int, ...]) -> str:
    return "/".join(f"{size:,}" for size in sizes)
