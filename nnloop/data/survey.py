"""Own datasets: the facts that their settings leave to the images, found without decoding any."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low
from typing import IO

import numpy as np

from nnloop.data.dataset import Labels, Part, Raw
from nnloop.data.pixels import is_grey, open_still
from nnloop.data.split import stratified
from nnloop.errors import DatasetError
from nnloop.json_record import Record
from nnloop.settings import DatasetSettings, FolderDatasetSettings

LARGEST = 64
"""Pixels a side that images are scaled to at most, unless dataset.size says else."""
FEWEST = 30
"""Images that an own dataset has at least."""
FEWEST_TRAIN = 20
MOST_THREADS = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Survey(Record):
    """The facts of an own dataset."""

    title: str
    class_names: list[str]  # in the labels' order
    channels: int
    size: int  # pixels a side, unless dataset.size says else
    told: list[str] = field(default_factory=list)  # sentences for the user


def make_survey(title: str, class_names: Sequence[str], *, channels: int, sides: Sequence[tuple[int, int]]) -> Survey:
    """Return the survey of images whose widths and heights are `sides`."""
    size = min(LARGEST, median_low(map(min, sides)))
    told = []
    if set(sides) != {(size, size)}:
        least, most = (f"{width}x{height}" for width, height in (min(sides), max(sides)))
        seen = least if least == most else f"from {least} to {most}"
        told.append(f"images of {seen} pixels are scaled to {size}x{size}; dataset.size and dataset.fit choose others")
    return Survey(one_line(title), [one_line(name) for name in class_names], channels=channels, size=size, told=told)


def look_at(openers: Sequence[Callable[[], IO[bytes]]]) -> tuple[int, list[tuple[int, int]]]:
    """Return the channels, 1 if all images are grey and else 3, and the widths and heights of the readable ones."""

    def look(opener: Callable[[], IO[bytes]]) -> tuple[bool, tuple[int, int]] | None:
        try:
            with opener() as file, open_still(file) as image:
                return is_grey(image), image.size
        except (OSError, ValueError, SyntaxError):
            return None  # named with all others when the images are read

    with ThreadPoolExecutor(MOST_THREADS) as pool:
        looks = [one for one in pool.map(look, openers, chunksize=64) if one is not None]
    return (1 if all(grey for grey, _ in looks) else 3), [side for _, side in looks]


def describe(survey: Survey, *, classes: int, channels: int, size: int) -> str:
    """Return the clause for the prompt about pictures that nobody has described."""
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    names = f": {', '.join(survey.class_names)}" if classes <= 20 and not _numbered(survey.class_names) else ""
    return f"{kind} {size}x{size} images of {classes} classes{names}"


def split_off_test(all_images: Part, settings: FolderDatasetSettings) -> tuple[Part, Part]:
    """Return a part without, and then with, the images that dataset.test_fraction cuts off, stratified."""
    test = stratified(all_images.labels, round(settings.test_fraction * len(all_images)), settings.split_seed)
    chosen = set(test.tolist())
    rest = [index for index in range(len(all_images)) if index not in chosen]
    return _rows(all_images, rest), _rows(all_images, test.tolist())


def check_parts(settings: DatasetSettings, given: str, raw: Raw, *, names: Sequence[str]) -> None:
    """Raise DatasetError if an own dataset has too few images or classes. `given` is the setting that names it."""
    images = sum(raw.sizes)
    if len(names) < 2:
        raise DatasetError(f"{given}: has one class ({', '.join(names)}); two are needed")
    if raw.sizes[0] < FEWEST_TRAIN or images < FEWEST:
        raise DatasetError(
            f"{given}: has {images} images, {raw.sizes[0]} of them to train on; {FEWEST} are needed, {FEWEST_TRAIN} of "
            "them to train on"
        )
    counts = [int((raw.train.labels == label).sum()) for label in range(len(names))]
    empty = [names[label] for label, count in enumerate(counts) if count == 0]
    if empty:
        raise DatasetError(f"{given}: no image to train on in {', '.join(empty)}; add images, or remove the class")
    lonely = [names[label] for label, count in enumerate(counts) if count == 1]
    if lonely and raw.val is None:
        raise DatasetError(f"{given}: one image to train on in {', '.join(lonely)}; the split for validation needs two")
    if settings.classes is not None and settings.classes != len(names):
        raise DatasetError(f"dataset.classes={settings.classes}: {given} has {len(names)}; null takes them all")


def listing(root: Path) -> str:
    """Return a hash of the names, sizes and times of all files below a folder, or of one file."""
    digest = hashlib.sha256()
    for path in [root] if root.is_file() else sorted(walk(root)):
        try:
            stat = path.stat()
            digest.update(json.dumps([str(path.relative_to(root)), stat.st_size, stat.st_mtime_ns]).encode())
        except OSError:
            digest.update(json.dumps([str(path.relative_to(root)), None]).encode())
    return digest.hexdigest()[:16]


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, through symbolic links too, without hidden ones. Raises OSError."""
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        folders[:] = sorted(name for name in folders if not is_hidden(name) and not _leads_back(Path(place), name))
        yield from (Path(place, name) for name in files if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is a system's own: ._name, .DS_Store, __MACOSX, Thumbs.db."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def one_line(text: str) -> str:
    """Return a name as it can stand in a prompt and in a table."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _rows(part: Part, rows: Sequence[int]) -> Part:
    chosen = np.asarray(rows, dtype=np.int64)
    labels: Labels = part.labels[chosen]
    return Part(labels, lambda indices: part.pixels(chosen[indices]))


def _numbered(names: Sequence[str]) -> bool:
    return list(names) == [str(number) for number in range(len(names))]


def _leads_back(place: Path, name: str) -> bool:
    """Tell whether a link leads to a folder above it."""
    link = place / name
    return link.is_symlink() and link.resolve() in (place.resolve(), *place.resolve().parents)


def _raise(error: OSError) -> None:
    raise error
