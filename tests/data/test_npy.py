"""Prepared arrays: written block by block and hashed on the way."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nnloop.data import npy
from nnloop.data.arrays import part
from nnloop.data.dataset import Split, Subset

SHAPE = (1, 2, 2)


def whole(count: int, start: int) -> Subset:
    """Images whose pixels are their number."""
    pixels = np.arange(start, start + count, dtype=np.uint8)[:, None, None, None] * np.ones(SHAPE, np.uint8)
    return Subset(part(pixels, np.arange(start, start + count)), np.arange(count))


def parts(start: int = 0) -> Split:
    return Split(whole(10, start), whole(3, 100), whole(4, 200))


def test_the_arrays_hold_the_images_and_labels_of_their_parts_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy, "BLOCK_BYTES", 12)  # three images
    npy.write(parts(), tmp_path, name="x", shape=SHAPE)
    arrays = {path.stem: np.load(path) for path in tmp_path.iterdir()}
    assert {name: (array.dtype.name, array.shape) for name, array in arrays.items()} == {
        "train_x": ("uint8", (10, *SHAPE)),
        "train_y": ("int64", (10,)),
        "eval_x": ("uint8", (7, *SHAPE)),
        "val_y": ("int64", (3,)),
        "test_y": ("int64", (4,)),
    }
    assert arrays["train_x"][:, 0, 1, 1].tolist() == arrays["train_y"].tolist() == list(range(10))
    assert arrays["eval_x"][:, 0, 0, 1].tolist() == [100, 101, 102, 200, 201, 202, 203]
    assert [*arrays["val_y"], *arrays["test_y"]] == [100, 101, 102, 200, 201, 202, 203]


def test_the_fingerprint_is_of_the_name_and_the_content_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = npy.write(parts(), tmp_path, name="x", shape=SHAPE)
    monkeypatch.setattr(npy, "BLOCK_BYTES", 12)
    assert npy.write(parts(), tmp_path, name="x", shape=SHAPE) == first
    others = [npy.write(parts(1), tmp_path, name="x", shape=SHAPE), npy.write(parts(), tmp_path, name="y", shape=SHAPE)]
    assert len({first, *others}) == 3


def test_images_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^images are uint8 \(1, 2, 2\), expected uint8 \(1, 2, 3\)"):
        npy.write(parts(), tmp_path, name="x", shape=(1, 2, 3))


def test_a_set_larger_than_the_disk_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=60))
    with pytest.raises(OSError, match="No space left") as caught:
        npy.write(parts(), tmp_path, name="x", shape=SHAPE)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
