"""Datasets that are published as arrays: CIFAR, MNIST, SVHN and scikit-learn's digits."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from archive_server import serve
from raw_files import CLASSES, SHAPES, TEST, TRAIN, Prepared, grey, mirrored

from nnloop import data
from nnloop.data.arrays import part, read_cifar
from nnloop.data.official import official
from nnloop.settings import DatasetSettings, Settings

Configure = Callable[..., Settings]
NAMES = ["cifar10", "cifar100", "mnist", "svhn"]


@pytest.mark.parametrize("name", NAMES)
def test_a_dataset_is_read_whole_and_split_evenly(name: str, prepared: Callable[[str], Prepared]) -> None:
    dataset, val = prepared(name).dataset, TRAIN // 10
    assert dataset.train_x.shape == (TRAIN - val, *SHAPES[name])
    assert dataset.eval_x.shape == (val + TEST, *SHAPES[name])
    assert (len(dataset.train_y), len(dataset.val_y), len(dataset.test_y)) == (TRAIN - val, val, TEST)
    for labels in (dataset.train_y, dataset.val_y, dataset.test_y):
        counts = np.bincount(labels, minlength=CLASSES[name])
        assert (len(counts), counts.max() - counts.min() <= 1) == (CLASSES[name], True)


@pytest.mark.parametrize("name", NAMES)
def test_labels_stay_with_their_images(name: str, prepared: Callable[[str], Prepared]) -> None:
    """Image i is grey(i) all over and of class i modulo the classes."""
    dataset, classes = prepared(name).dataset, CLASSES[name]
    allowed = {label: {int(grey(i)) for i in range(label, TRAIN, classes)} for label in range(classes)}
    pixels = np.concatenate([dataset.train_x, dataset.eval_x]).astype(int)
    for image, label in zip(pixels, [*dataset.train_y, *dataset.val_y, *dataset.test_y], strict=True):
        middle = int(image[0, image.shape[1] // 2, image.shape[2] // 2])
        assert image.max() - image.min() <= 2
        assert min(abs(middle - value) for value in allowed[label]) <= 2


@pytest.mark.parametrize(
    ("pixels", "labels"),
    [
        (np.zeros((2, 1, 4, 4)), [0, 1]),
        (np.zeros((2, 4, 4), np.uint8), [0, 1]),
        (np.zeros((2, 1, 4, 4), np.uint8), [0, 1, 2]),
    ],
    ids=["floats", "no channels", "a label too many"],
)
def test_a_part_is_bytes_in_four_dimensions_and_a_label_each(pixels: np.ndarray, labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"^(images are|2 images have labels)"):
        part(pixels, labels)


def test_digits_are_split_1200_297_300(digits: DatasetSettings) -> None:
    dataset = data.load(digits)
    assert dataset.train_x.shape == (1200, 1, 8, 8)
    assert (len(dataset.val_y), len(dataset.test_y)) == (297, 300)
    assert dataset.eval_x.shape == (597, 1, 8, 8)
    assert (dataset.train_x.dtype, int(dataset.train_x.max())) == (np.uint8, 255)


def test_every_part_of_digits_has_every_class_in_its_share(digits: DatasetSettings) -> None:
    dataset = data.load(digits)
    for labels in (dataset.train_y, dataset.val_y, dataset.test_y):
        counts = np.bincount(labels, minlength=10)
        assert counts.max() - counts.min() <= 0.07 * len(labels)


def test_svhn_takes_extra_only_where_it_is_asked_for(
    configure: Configure, published: Callable[[str], Path], private_cache: Path
) -> None:
    with serve(published("svhn")) as served:
        dataset = data.load(mirrored(configure, "svhn", served, "dataset.extra=true"))
    assert len(dataset.train_y) + len(dataset.val_y) == TRAIN + 30


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


def test_without_checksums_nothing_but_arrays_is_unpickled(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    kind = official("CIFAR10")
    for name, _ in [*kind.train_list, *kind.test_list]:
        batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    settings = configure("dataset=cifar10", "dataset.verify=false").dataset
    assert len(read_cifar(settings, tmp_path).train) == 10
    (folder / "data_batch_3").write_bytes(pickle.dumps({"data": Payload()}))
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print in a file of arrays"):
        read_cifar(settings, tmp_path)
    assert capsys.readouterr().out == ""
