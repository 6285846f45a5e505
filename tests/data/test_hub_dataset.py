"""dataset=hf reads local folders in the forms of the package datasets, and names what it can't take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_images import write_tree
from PIL import Image

from nnloop import data
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, Settings

datasets = pytest.importorskip("datasets")
Completed = Callable[..., DatasetSettings]


@pytest.fixture
def completed(configure: Callable[..., Settings], private_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Completed:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", private_cache / "hub")

    def complete(path: Path | str, *overrides: str) -> DatasetSettings:
        return data.complete(configure("dataset=hf", f"dataset.path={path}", *overrides).dataset)

    return complete


def saved(folder: Path, labels: Any, feature: Any, **more: Any) -> Path:
    """Save 40 images with these labels as the package does, and return the folder."""
    images = [Image.new("L", (8, 8), 3 * number) for number in range(40)]
    features = datasets.Features(
        {"picture": datasets.Image(), "kind": feature} | {key: datasets.Image() for key in more}
    )
    datasets.Dataset.from_dict({"picture": images, "kind": labels, **more}, features=features).save_to_disk(folder)
    return folder


TWO = datasets.ClassLabel(names=["cat", "dog"])


def test_a_saved_dataset_is_read_and_its_columns_are_found(completed: Completed, tmp_path: Path) -> None:
    settings = completed(saved(tmp_path / "pets", [number % 2 for number in range(40)], TWO))
    dataset = data.load(settings)
    assert (settings.title, settings.classes, settings.channels, settings.size) == ("pets", 2, 1, 8)
    assert dataset.class_names == ["cat", "dog"]
    assert len(dataset.train_y) + len(dataset.val_y) + len(dataset.test_y) == 40
    assert (dataset.train_x[:, 0, 0, 0] // 3 % 2 == dataset.train_y).all()


@pytest.mark.parametrize("labels", [["b", "a"] * 20, [7, 3] * 20], ids=["texts", "numbers"])
def test_a_named_column_of_texts_or_numbers_makes_classes(
    labels: list[Any], completed: Completed, tmp_path: Path
) -> None:
    folder = saved(tmp_path / "pets", labels, datasets.Value("string" if labels[0] == "b" else "int64"))
    dataset = data.load(completed(folder, "dataset.label=kind"))
    assert dataset.class_names == [str(one) for one in sorted(set(labels))]
    assert (dataset.train_y == 1 - dataset.train_x[:, 0, 0, 0] // 3 % 2).all()


@pytest.mark.long
def test_folders_of_images_with_parts_are_read(completed: Completed, tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_tree(tmp_path / "pets" / part)
    dataset = data.load(completed(tmp_path / "pets"))
    assert (len(dataset.train_y), len(dataset.val_y), len(dataset.test_y)) == (34, 6, 40)
    assert np.bincount(dataset.test_y).tolist() == [20, 20]


@pytest.mark.parametrize(
    ("labels", "feature", "overrides", "message"),
    [
        ([[0, 1]] * 40, datasets.List(TWO), [], "none of the type ClassLabel.*several labels"),
        ([0.5] * 40, datasets.Value("float32"), ["dataset.label=kind"], r"^dataset.label=kind: is a Value of float32"),
        ([0, 1] * 20, TWO, ["dataset.image=photo"], r"^dataset.image=photo: no such column; .* picture \(Image\)"),
        ([0, 1] * 20, TWO, ["dataset.image=kind"], r"^dataset.image=kind: is a ClassLabel; must be an Image"),
        ([None, 1] * 20, TWO, [], "rows without a label"),
        ([1] * 40, TWO, [], "no image to train on in cat"),
    ],
    ids=["several", "float", "unknown", "no image", "missing", "empty"],
)
def test_what_is_no_classification_gets_one_line(
    labels: Any, feature: Any, overrides: list[str], message: str, completed: Completed, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        completed(saved(tmp_path / "pets", labels, feature), *overrides)
    assert "\n" not in str(caught.value)


def test_a_dataset_that_is_not_there_gets_one_line(
    completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(DatasetError, match=r"^dataset.path=.*: can't be loaded \(") as caught:
        completed(tmp_path / "nowhere")
    assert "\n" not in str(caught.value)
