"""dataset=npz takes arrays in the usual layouts, and answers any others with one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_images import arrays

from nnloop import data
from nnloop.data import Dataset
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, Settings

Completed = Callable[..., DatasetSettings]


@pytest.fixture
def completed(configure: Callable[..., Settings], private_cache: Path, tmp_path: Path) -> Completed:
    def complete(given: dict[str, Any], *overrides: str) -> DatasetSettings:
        np.savez(tmp_path / "mine.npz", **given)
        chosen = configure("dataset=npz", f"dataset.root={tmp_path / 'mine.npz'}", *overrides)
        return data.complete(chosen.dataset)

    return complete


def load(settings: DatasetSettings) -> Dataset:
    return data.load(settings)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((8, 8), None), ((8, 8, 3), (0, 3, 1, 2)), ((3, 8, 8), None), ((1, 8, 8), None), ((8, 8, 1), (0, 3, 1, 2))],
)
def test_the_usual_layouts_give_the_same_pixels(
    shape: tuple[int, ...], axes: tuple[int, ...] | None, completed: Completed
) -> None:
    given = arrays(shape=shape)
    dataset = load(completed(given))
    pixels = given["train_x"] if axes is None else given["train_x"].transpose(axes)
    assert {image.tobytes() for image in pixels} >= {image.tobytes() for image in dataset.train_x}
    assert dataset.train_x.shape[1:] == (3 if 3 in shape else 1, 8, 8)


@pytest.mark.parametrize("factor", [1.0, 1 / 255])
def test_floats_are_pixels_of_either_range(factor: float, completed: Completed) -> None:
    given = arrays()
    plain = load(completed(given))
    scaled = load(completed(given | {"train_x": given["train_x"].astype("float32") * np.float32(factor)}))
    np.testing.assert_array_equal(scaled.train_x, plain.train_x)


def test_given_parts_are_taken_as_they_are(completed: Completed) -> None:
    parts = {
        f"{part}_{kind}": arrays(count)[f"train_{kind}"] for part, count in (("val", 10), ("test", 6)) for kind in "xy"
    }
    dataset = load(completed(arrays() | parts))
    assert (len(dataset.train_y), len(dataset.val_y), len(dataset.test_y)) == (40, 10, 6)


def test_what_the_settings_leave_out_is_found(completed: Completed) -> None:
    settings = completed(arrays(classes=3, shape=(12, 8, 3)))
    assert (settings.title, settings.classes, settings.channels, settings.size) == ("mine", 3, 3, 8)
    assert (settings.description, settings.crop_pad, settings.flip) == ("colour 8x8 images of 3 classes", 1, False)
    assert np.allclose(settings.mean or [], 0.5, atol=0.05)
    assert len(settings.std or []) == 3


def test_a_constant_channel_is_not_scaled(completed: Completed) -> None:
    assert completed(arrays() | {"train_x": np.zeros((40, 8, 8), np.uint8)}).std == [1.0]


def test_an_unclear_layout_is_asked_for_and_can_be_said(completed: Completed) -> None:
    given = arrays(shape=(8, 8, 8))
    with pytest.raises(DatasetError, match=r"say with dataset\.layout=NHWC or NCHW"):
        completed(given)
    assert completed(given, "dataset.layout=NHWC").channels == 8


def changed(**more: Any) -> dict[str, Any]:
    """Return good arrays with some replaced; None takes one away."""
    return {name: value for name, value in (arrays() | more).items() if value is not None}


X, Y = arrays()["train_x"], arrays()["train_y"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (changed(train_y=None), "has no array train_y; it has train_x"),
        (changed(test_x=X), "has no array test_y"),
        (changed(val_y=Y), "has no array val_x"),
        (changed(train_y=Y.astype(float)), "train_y is float64; must be whole numbers"),
        (changed(train_y=np.eye(2, dtype=int)[Y]), r"train_y has the shape \(40, 2\).*several labels"),
        (changed(train_y=Y[:5]), "train_y has 5 labels for the 40 images"),
        (changed(train_y=Y - 1), "train_y has labels from -1 to 0; must lie between 0 and 0"),
        (changed(train_y=Y + 1), "train_y has no image of label 0; number the classes from 0"),
        (changed(train_y=Y * 0), r"has one class \(0\)"),
        (changed(test_x=X, test_y=Y + 1), "test_y has labels from 1 to 2; must lie between 0 and 1"),
        (changed(train_x=X.astype("int64")), "train_x is int64; must be uint8 or float"),
        (changed(train_x=np.where(X > 250, np.nan, X)), r"train_x has pixels that are not finite"),
        (changed(train_x=X.astype(float) - 9), "train_x has pixels from -9 to"),
        (changed(train_x=X.astype(float) * 9), "must lie between 0 and 1, or between 0 and 255"),
        (changed(train_x=X.reshape(40, 64)), r"train_x has the shape \(40, 64\); must be \(N, H, W\)"),
        (changed(test_x=X[:, :4], test_y=Y), r"test_x has images of \(1, 4, 8\) and train_x of \(1, 8, 8\)"),
        (changed(train_x=X.astype(object)), "train_x is an array of Python objects, which are never unpickled"),
        (changed(train_x=X[:0], train_y=Y[:0]), "train_x has no image"),
        ({name: value[:3] for name, value in arrays().items()}, "has 3 images"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_arrays_that_are_no_dataset_get_one_line(given: dict[str, Any], message: str, completed: Completed) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        completed(given)
    assert str(caught.value).startswith("dataset.root=")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "no npz file"),
        (b"\x93NUMPY", "no npz file"),
        (b"PK\x05\x06" + bytes(18), "train_x"),
    ],
)
def test_other_files_get_one_line(
    content: bytes | None, message: str, configure: Callable[..., Settings], private_cache: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        data.complete(configure("dataset=npz", f"dataset.root={tmp_path / 'mine.npz'}").dataset)
    with pytest.raises(DatasetError, match="is a folder; dataset=folder reads images"):
        data.complete(configure("dataset=npz", f"dataset.root={tmp_path}").dataset)
