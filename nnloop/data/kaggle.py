"""CelebA in the form that Kaggle gives it: tables as csv files, and the faces in a folder of a folder.

Its pixels, attributes and parts are the published ones, but its tables have no published checksums.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings

ATTRIBUTES, PARTITION = "list_attr_celeba.csv", "list_eval_partition.csv"
PARTS = ("train", "valid", "test")  # 0, 1 and 2 in the table


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one part: their files' names, and 1 for male and 0 for female."""

    names: list[str]
    male: list[int]


def kaggle_folder(settings: DatasetSettings) -> Path | None:
    """Return the folder with Kaggle's tables, which is dataset.root or lies in it; None if they are not there."""
    if settings.name != "celeba" or settings.root is None:
        return None
    root = Path(settings.root).expanduser()
    folders = (root, root / "celeba", root / "archive")
    return next((folder for folder in folders if (folder / PARTITION).is_file()), None)


def read_faces(folder: Path) -> dict[str, Faces]:
    """Read Kaggle's tables, by part. Raises DatasetError for tables of another form."""
    try:
        male = {row["image_id"]: int(row["Male"] == "1") for row in _rows(folder / ATTRIBUTES)}
        parts: dict[str, list[str]] = {part: [] for part in PARTS}
        for row in _rows(folder / PARTITION):
            parts[PARTS[int(row["partition"])]].append(row["image_id"])
        return {part: Faces(names, [male[name] for name in names]) for part, names in parts.items()}
    except (OSError, LookupError, ValueError, csv.Error) as error:
        raise DatasetError(f"dataset.root={folder}: {ATTRIBUTES} and {PARTITION} can't be read ({error!r})") from None


def face(folder: Path, name: str) -> Path:
    """Return the file of a face."""
    doubled = folder / "img_align_celeba" / "img_align_celeba" / name
    return doubled if doubled.parent.is_dir() else folder / "img_align_celeba" / name


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(newline="") as table:
        yield from csv.DictReader(table)
