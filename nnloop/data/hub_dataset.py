"""dataset=hf: a dataset of the Hugging Face hub or a local folder, read by the package datasets."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from nnloop.data.class_folders import lazy_part
from nnloop.data.dataset import Part, Raw
from nnloop.data.survey import Survey, check_parts, look_at, make_survey, one_line, split_off_test
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, HubDatasetSettings

SPLITS = {
    "train": ("train", "training"),
    "val": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
"""The names of the three parts, in any case."""


@dataclass(frozen=True, slots=True)
class HubImages:
    """The rows of a part, with images that are not decoded, and their labels."""

    rows: Any  # datasets.Dataset
    column: str
    labels: list[int]

    def open(self, row: int) -> IO[bytes]:
        """Open the file of one image."""
        packed = self.rows[row][self.column]
        if packed is None:
            raise ValueError("no image in this row")
        return io.BytesIO(packed["bytes"]) if packed["bytes"] is not None else Path(packed["path"]).open("rb")


def survey_hub(settings: DatasetSettings, root: Path) -> Survey:
    """Look at a dataset. Raises DatasetError if it can't be loaded, or has no images with one class each."""
    parts, names, told = _parts(settings)
    check_parts(settings, _given(settings), _raw(settings, parts, names), names=names)
    openers = [partial(part.open, row) for part in parts.values() for row in range(len(part.labels))]
    channels, sides = look_at(openers)
    if not sides:
        raise DatasetError(f"{_given(settings)}: none of its {len(openers)} images can be read")
    survey = make_survey(root.name, names, channels=channels, sides=sides)
    survey.told.extend(told)
    return survey


def read_hub(settings: DatasetSettings, root: Path) -> Raw:
    """Read a dataset; its images are decoded when they are needed. Raises DatasetError."""
    parts, names, _ = _parts(settings)
    return _raw(settings, parts, names)


def _raw(settings: DatasetSettings, parts: Mapping[str, HubImages], names: list[str]) -> Raw:
    assert isinstance(settings, HubDatasetSettings)
    faults: list[str] = []

    def part(name: str) -> Part:
        images = parts[name]
        rows = range(len(images.labels))
        openers = [partial(images.open, row) for row in rows]
        rows_named = [f"{name} row {row}" for row in rows]
        return lazy_part(rows_named, images.labels, openers, settings=settings, faults=faults)

    train, test = (part("train"), part("test")) if "test" in parts else split_off_test(part("train"), settings)
    return Raw(train, test, part("val") if "val" in parts else None, class_names=names, faults=faults)


def _parts(settings: DatasetSettings) -> tuple[dict[str, HubImages], list[str], list[str]]:
    """Return the parts, the names of the classes, and sentences for the user. Raises DatasetError."""
    assert isinstance(settings, HubDatasetSettings)
    splits, told = _splits(settings), []
    first = next(iter(splits.values()))
    image = _column(settings, first, "image", kind="Image")
    label = _column(settings, first, "label", kind="ClassLabel")
    names = _class_names(settings, splits, label)
    parts = {}
    for name, rows in splits.items():
        labels = _labels(settings, rows, names, label=label)
        if labels and set(labels) == {-1} and name != "train":
            told.append(f"the split for {name} has no labels and is left out")
            continue
        if not labels or not 0 <= min(labels) <= max(labels) < len(names):
            low, high = (min(labels), max(labels)) if labels else ("no image", "none")
            raise DatasetError(
                f"{_given(settings)}: labels from {low} to {high} in {name}, expected 0 to {len(names) - 1}"
            )
        parts[name] = HubImages(_undecoded(rows, image), image, labels)
    return parts, names, told


def _splits(settings: HubDatasetSettings) -> dict[str, Any]:
    """Return the parts that a dataset has, by our names."""
    given = _load(settings)
    if not isinstance(given, Mapping):
        return {"train": given}
    if len(given) == 1:
        return {"train": next(iter(given.values()))}
    by_name = {name.lower(): rows for name, rows in given.items()}
    splits = {part: by_name[name] for part, names in SPLITS.items() for name in names if name in by_name}
    if "train" not in splits:
        raise DatasetError(f"{_given(settings)}: has the splits {', '.join(given)} and no train")
    return splits


def _load(settings: HubDatasetSettings) -> Any:
    try:
        import datasets
    except ImportError:
        raise DatasetError("dataset=hf: needs the package datasets; pip install 'nnloop[hf]'") from None
    path = Path(settings.path).expanduser()
    try:
        if any((path / name).is_file() for name in ("dataset_dict.json", "state.json")):
            return datasets.load_from_disk(str(path))
        return datasets.load_dataset(
            str(path) if path.exists() else settings.path, settings.subset, revision=settings.revision
        )
    except Exception as error:  # its loaders and the hub's client raise errors of many packages
        raise DatasetError(f"{_given(settings)}: can't be loaded ({one_line(str(error))[:300]})") from None


def _column(settings: HubDatasetSettings, rows: Any, setting: str, *, kind: str) -> str:
    """Return the column that a setting names, or the only one of this kind."""
    features = rows.features
    named = getattr(settings, setting)
    listed = ", ".join(f"{name} ({type(feature).__name__})" for name, feature in features.items())
    if named is not None:
        if named not in features:
            raise DatasetError(f"dataset.{setting}={named}: no such column; {_given(settings)} has {listed}")
        return str(named)
    fitting = [name for name, feature in features.items() if type(feature).__name__ == kind]
    if len(fitting) != 1:
        several = "several labels an image, as in detection and segmentation, are not read; " * (setting == "label")
        count = "none" if not fitting else f"{len(fitting)} columns"
        raise DatasetError(
            f"{_given(settings)}: {count} of the type {kind} among {listed}; {several}"
            f"name one with dataset.{setting}=<column>"
        )
    return str(fitting[0])


def _class_names(settings: HubDatasetSettings, splits: Mapping[str, Any], label: str) -> list[str]:
    """Return the names of the classes: a ClassLabel's own, or the sorted values of a column of texts or numbers."""
    feature = splits["train"].features[label]
    if type(feature).__name__ == "ClassLabel":
        return list(map(str, feature.names))
    kind = getattr(feature, "dtype", "")
    if type(feature).__name__ != "Value" or not (kind in ("string", "large_string", "bool") or "int" in kind):
        raise DatasetError(
            f"dataset.label={label}: is a {type(feature).__name__} of {kind or 'several values'}; must be one class an "
            "image, as a ClassLabel, a text or a whole number"
        )
    values = {value for rows in splits.values() for value in rows[label][:]} - {None}
    return [str(value) for value in sorted(values)]


def _labels(settings: HubDatasetSettings, rows: Any, names: list[str], *, label: str) -> list[int]:
    values: Sequence[Any] = rows[label][:]
    if any(value is None for value in values):
        raise DatasetError(f"dataset.label={label}: {_given(settings)} has rows without a label")
    if type(rows.features[label]).__name__ == "ClassLabel":
        return [int(value) for value in values]
    number = {name: place for place, name in enumerate(names)}
    return [number[str(value)] for value in values]


def _undecoded(rows: Any, image: str) -> Any:
    import datasets

    if type(rows.features[image]).__name__ != "Image":
        raise DatasetError(f"dataset.image={image}: is a {type(rows.features[image]).__name__}; must be an Image")
    return rows.cast_column(image, datasets.Image(decode=False))


def _given(settings: DatasetSettings) -> str:
    assert isinstance(settings, HubDatasetSettings)
    return f"dataset.path={settings.path}"
