"""dataset=npz: own arrays in one file, read without unpickling anything."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnloop.data.dataset import Labels, Part, Pixels, Raw
from nnloop.data.survey import Survey, check_parts, make_survey, split_off_test
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, NpzDatasetSettings

Arrays = Mapping[str, NDArray[Any]]
NAMES = tuple(f"{part}_{kind}" for part in ("train", "val", "test") for kind in "xy")
PALETTE = 8  # channels at most where an axis is taken for theirs


def survey_npz(settings: DatasetSettings, root: Path) -> Survey:
    """Look at the arrays of an own dataset. Raises DatasetError, with the array's name, if they are not as expected."""
    raw, arrays = _read(settings, root)
    names = raw.class_names or []
    check_parts(settings, f"dataset.root={root}", raw, names=names)
    channels, height, width = raw.train.pixels(np.arange(1)).shape[1:]
    survey = make_survey(root.stem, names, channels=channels, sides=[(width, height)])
    if arrays["train_x"].dtype != np.uint8:
        most = "1, scaled to 255" if _largest(arrays) <= 1 else "255, rounded"
        survey.told.append(f"train_x is {arrays['train_x'].dtype}, taken as pixels from 0 to {most}")
    return survey


def read_npz(settings: DatasetSettings, root: Path) -> Raw:
    """Read the arrays of an own dataset. Raises DatasetError, with the array's name, if they are not as expected."""
    return _read(settings, root)[0]


def _read(settings: DatasetSettings, root: Path) -> tuple[Raw, Arrays]:
    assert isinstance(settings, NpzDatasetSettings)
    try:
        arrays = _load(root)
        parts = [name for name in ("train", "val", "test") if f"{name}_x" in arrays]
        labels = {name: _labels(arrays, name) for name in parts}
        classes = int(labels["train"].max()) + 1
        _check_labels(labels, settings.classes or classes)
        bright = _largest(arrays)
        images = {name: _part(arrays, name, labels[name], layout=settings.layout, bright=bright) for name in parts}
        shapes = {name: part.pixels(np.arange(1)).shape[1:] for name, part in images.items()}
        for name, shape in shapes.items():
            if shape != shapes["train"]:
                raise ValueError(f"{name}_x has images of {shape} and train_x of {shapes['train']} (C, H, W)")
    except ValueError as error:
        raise DatasetError(f"dataset.root={root}: {error}") from None
    train, test = (images["train"], images["test"]) if "test" in images else split_off_test(images["train"], settings)
    names = [str(label) for label in range(classes)]
    return Raw(train, test, images.get("val"), class_names=names), arrays


def _load(root: Path) -> Arrays:
    """Return the arrays of a file. Raises ValueError for another file, and for arrays of Python objects."""
    if not root.is_file():
        raise ValueError("is a folder; dataset=folder reads images" if root.is_dir() else "no such file")
    if not zipfile.is_zipfile(root):
        raise ValueError("no npz file; numpy.savez(<file>, train_x=..., train_y=...) writes one")
    try:
        with np.load(root, allow_pickle=False) as file:
            names = [name for name in NAMES if name in file.files]
            missing = [name for name in ("train_x", "train_y") if name not in names]
            missing += [f"{name[:-1]}y" for name in names if name.endswith("x") and f"{name[:-1]}y" not in file.files]
            missing += [f"{name[:-1]}x" for name in names if name.endswith("y") and f"{name[:-1]}x" not in file.files]
            if missing:
                raise ValueError(f"has no array {missing[0]}; it has {', '.join(file.files) or 'none'}")
            return {name: _array(file, name) for name in names}
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ValueError(f"is damaged ({error})") from None


def _array(file: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(file[name])
    except ValueError as error:
        if "pickle" in str(error):
            raise ValueError(f"{name} is an array of Python objects, which are never unpickled; give numbers") from None
        raise ValueError(f"{name} is damaged ({error})") from None


def _labels(arrays: Arrays, part: str) -> Labels:
    """Return the labels of a part. Raises ValueError for anything but one whole number an image."""
    name, labels = f"{part}_y", arrays[f"{part}_y"]
    images = len(arrays[f"{part}_x"]) if arrays[f"{part}_x"].ndim else 0
    if labels.ndim != 1:
        several = "; several labels an image, as in segmentation or detection, are not read" if labels.ndim > 1 else ""
        raise ValueError(
            f"{name} has the shape {labels.shape}; must be one class number an image, ({images},){several}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name} is {labels.dtype}; must be whole numbers, such as int64")
    if len(labels) != images:
        raise ValueError(f"{name} has {len(labels)} labels for the {images} images of {part}_x")
    if not len(labels):
        raise ValueError(f"{part}_x has no image")
    return labels.astype(np.int64)


def _check_labels(labels: Mapping[str, Labels], classes: int) -> None:
    """Raise ValueError for labels that are not 0 to classes - 1, all of them in the training set."""
    for name, of_part in labels.items():
        low, high = int(of_part.min()), int(of_part.max())
        if low < 0 or high >= classes:
            raise ValueError(
                f"{name}_y has labels from {low} to {high}; must lie between 0 and {classes - 1}, as those of train_y"
            )
    absent = np.setdiff1d(np.arange(classes), labels["train"])
    if len(absent):
        shown = ", ".join(map(str, absent[:5].tolist()))
        raise ValueError(f"train_y has no image of label {shown}; number the classes from 0, without gaps")


def _largest(arrays: Arrays) -> float:
    return float(arrays["train_x"].max()) if arrays["train_x"].size else 0.0


def _part(arrays: Arrays, part: str, labels: Labels, *, layout: str, bright: float) -> Part:
    """Return the images of a part. Raises ValueError for pixels or shapes that are not as expected."""
    name, images = f"{part}_x", arrays[f"{part}_x"]
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"{name} is {images.dtype}; must be uint8 or float")
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(f"{name} has the shape {images.shape}; must be (N, H, W), (N, H, W, C) or (N, C, H, W)")
    if images.dtype != np.uint8:
        if not np.isfinite(images).all():
            raise ValueError(f"{name} has pixels that are not finite (NaN or infinity)")
        low, high = float(images.min()), float(images.max())
        if low < 0 or high > (1 if bright <= 1 else 255):
            raise ValueError(
                f"{name} has pixels from {low:g} to {high:g}; must lie between 0 and 1, or between 0 and 255"
            )
    first = _channels_first(images, name, layout)

    def pixels(indices: NDArray[np.int64]) -> Pixels:
        block = first[indices]
        if block.dtype == np.uint8:
            return np.ascontiguousarray(block)
        return np.ascontiguousarray(np.round(block * (255 if bright <= 1 else 1)).astype(np.uint8))

    return Part(labels, pixels)


def _channels_first(images: NDArray[Any], name: str, layout: str) -> NDArray[Any]:
    """Return a view of images as (N, C, H, W). Raises ValueError if it can't be told which axis is the channels'."""
    if images.ndim == 3:
        return images[:, None]
    first, middle, last = images.shape[1], images.shape[2], images.shape[3]
    if layout == "auto" and (first == middle) != (middle == last):
        layout = "NHWC" if first == middle else "NCHW"
    elif layout == "auto" and (first <= PALETTE) != (last <= PALETTE):
        layout = "NCHW" if first <= PALETTE else "NHWC"
    if layout == "auto":
        raise ValueError(f"{name} has the shape {images.shape}; say with dataset.layout=NHWC or NCHW what its axes are")
    return images if layout == "NCHW" else images.transpose(0, 3, 1, 2)
