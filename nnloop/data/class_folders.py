"""dataset=folder: own images in a folder for each class, in parts or in one tree.

Read are PNG, JPEG, WebP and BMP, by names that end so in any case, at any depth below a class's folder. Hidden files
(`._name`, `.DS_Store`) are left out silently, other files are counted and told.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from PIL import UnidentifiedImageError

from nnloop.data.dataset import Part, Pixels, Raw
from nnloop.data.pixels import decode
from nnloop.data.survey import Survey, check_parts, is_hidden, look_at, make_survey, one_line, split_off_test, walk
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, FolderDatasetSettings, known

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
PARTS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
"""Folders of the three parts, in any case."""


@dataclass(frozen=True, slots=True)
class ImageTree:
    """The images of a folder: their paths and labels by part, and the names of the classes in the labels' order."""

    parts: dict[str, list[tuple[Path, int]]]
    class_names: list[str]
    left_out: Counter[str]  # other files, by suffix


def survey_folder(settings: DatasetSettings, root: Path) -> Survey:
    """Look at the folder of an own dataset. Raises DatasetError if it is none."""
    tree = _tree(root)
    check_parts(settings, _given(root), _raw(settings, root, tree), names=tree.class_names)
    images = [path for part in tree.parts.values() for path, _ in part]
    channels, sides = look_at([partial(_open, path) for path in images])
    if not sides:
        raise DatasetError(f"{_given(root)}: none of its {len(images)} images can be read")
    survey = make_survey(root.resolve().name, tree.class_names, channels=channels, sides=sides)
    if tree.left_out:
        shown = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in tree.left_out.most_common(5))
        survey.told.append(f"files that are not {', '.join(SUFFIXES)} are left out: {shown}")
    return survey


def read_folder(settings: DatasetSettings, root: Path) -> Raw:
    """Read the folder of an own dataset; images are read when they are needed. Raises DatasetError if it is none."""
    return _raw(settings, root, _tree(root))


def lazy_part(
    names: Sequence[str],
    labels: Sequence[int],
    openers: Sequence[Callable[[], IO[bytes]]],
    *,
    settings: DatasetSettings,
    faults: list[str],
) -> Part:
    """Return images that are decoded when they are needed.

    The name and the fault of each image that can't be read go to `faults`, and its pixels are black.
    """

    def image(index: int) -> Pixels:
        channels, size = known(settings.channels), known(settings.size)
        try:
            with openers[index]() as file:
                return decode(file, channels=channels, size=size, fit=settings.fit)
        except Exception as error:  # Pillow's plugins may raise anything on a damaged file
            faults.append(f"{names[index]} ({_reason(error)})")
            return np.zeros((channels, size, size), dtype=np.uint8)

    return Part(np.asarray(labels, dtype=np.int64), lambda indices: np.stack([image(index) for index in indices]))


def _raw(settings: DatasetSettings, root: Path, tree: ImageTree) -> Raw:
    assert isinstance(settings, FolderDatasetSettings)
    faults: list[str] = []

    def part(name: str) -> Part:
        paths = [path for path, _ in tree.parts[name]]
        return lazy_part(
            [str(path.relative_to(root)) for path in paths],
            [label for _, label in tree.parts[name]],
            [partial(_open, path) for path in paths],
            settings=settings,
            faults=faults,
        )

    train = part("train")
    if "test" in tree.parts:
        test = part("test")
    else:
        train, test = split_off_test(train, settings) if len(train) else (train, train)
    val = part("val") if "val" in tree.parts else None
    return Raw(train, test, val, class_names=tree.class_names, faults=faults)


def _tree(root: Path) -> ImageTree:
    """List the images of a folder. Raises DatasetError for a folder of another form."""
    given = _given(root)
    if not root.is_dir():
        what = "is a file; dataset=npz reads arrays" if root.is_file() else "no such folder"
        raise DatasetError(f"{given}: {what}")
    try:
        folders = _part_folders(root) or {"train": root}
        names = sorted({path.name for folder in folders.values() for path in _class_folders(folder)})
        if not names:
            raise DatasetError(
                f"{given}: has no folders of classes; expected train/<class>/*.png and test/<class>/*.png, or "
                f"<class>/*.png"
            )
        if "train" not in folders:
            raise DatasetError(f"{given}: has {', '.join(sorted(folders))} and no train")
        left_out: Counter[str] = Counter()
        parts = {part: _images(folder, names, left_out) for part, folder in folders.items()}
    except OSError as error:
        raise DatasetError(f"{given}: {error.filename} can't be read ({error.strerror})") from None
    for part, images in parts.items():
        if not images:
            raise DatasetError(f"{given}: no image ({', '.join(SUFFIXES)}) in {folders[part]}")
    trained = {path.name for path in _class_folders(folders["train"])}
    if set(names) - trained:
        raise DatasetError(f"{given}: train has no folder of {', '.join(sorted(set(names) - trained))}")
    return ImageTree(parts, names, left_out)


def _part_folders(root: Path) -> dict[str, Path]:
    """Return the folders of the parts; {} if the folders are the classes' own, one of which may be called train."""
    by_name = {path.name.lower(): path for path in _class_folders(root)}
    folders = {part: by_name[name] for part, names in PARTS.items() for name in names if name in by_name}
    holds_classes = {part: bool(_class_folders(folder)) for part, folder in folders.items()}
    return folders if any(holds_classes.values()) else {}


def _class_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def _images(folder: Path, names: Sequence[str], left_out: Counter[str]) -> list[tuple[Path, int]]:
    images = []
    for label, name in enumerate(names):
        files = sorted(walk(folder / name)) if (folder / name).is_dir() else []
        images += [(path, label) for path in files if path.suffix.lower() in SUFFIXES]
        left_out.update(path.suffix.lower() for path in files if path.suffix.lower() not in SUFFIXES)
    return images


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _given(root: Path) -> str:
    return f"dataset.root={root}"


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(str(error))[:100] or type(error).__name__
