"""Datasets: fetched, split and cached; every failure is one line that names dataset.root."""

import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nnloop import data
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings, Settings

Configure = Callable[..., Settings]


@pytest.fixture
def digits(configure: Configure) -> DatasetSettings:
    return configure("dataset=digits").dataset


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNLOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_cifar(root: Path, per_batch: int = 20) -> Path:
    """Write files in CIFAR-10's format; the first pixel of each image is its number."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        images = np.zeros((per_batch, 3072), dtype=np.uint8)
        images[:, 0] = np.arange(per_batch) + number * per_batch
        batch = {"data": images, "labels": [i % 10 for i in range(per_batch)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    return folder


def cifar(configure: Configure, root: Path, *more: str) -> DatasetSettings:
    return configure("dataset=cifar10", f"dataset.root={root}", *more).dataset


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


def test_no_image_is_in_two_parts(configure: Configure, tmp_path: Path) -> None:
    write_cifar(tmp_path)
    dataset = data.load(cifar(configure, tmp_path, "dataset.verify=false"))
    numbers = [*dataset.train_x[:, 0, 0, 0], *dataset.eval_x[:, 0, 0, 0]]
    assert sorted(numbers) == list(range(120))
    assert sorted(dataset.eval_x[len(dataset.val_y) :, 0, 0, 0]) == list(range(100, 120))


def test_labels_stay_with_their_images(configure: Configure, tmp_path: Path) -> None:
    write_cifar(tmp_path)
    dataset = data.load(cifar(configure, tmp_path, "dataset.verify=false"))
    np.testing.assert_array_equal(dataset.train_x[:, 0, 0, 0] % 10, dataset.train_y)
    labels = np.concatenate([dataset.val_y, dataset.test_y])
    np.testing.assert_array_equal(dataset.eval_x[:, 0, 0, 0] % 10, labels)


def test_another_split_seed_is_another_dataset(digits: DatasetSettings) -> None:
    assert data.load(digits).fingerprint == data.load(digits).fingerprint
    assert data.load(digits).fingerprint != data.load(replace(digits, split_seed=1)).fingerprint


def test_the_second_load_maps_files(digits: DatasetSettings) -> None:
    data.load(digits)
    assert isinstance(data.load(digits).train_x, np.memmap)


def test_a_damaged_cache_is_made_again(digits: DatasetSettings, private_cache: Path) -> None:
    before = data.load(digits).fingerprint
    (array,) = private_cache.glob("prepared/*/train_x.npy")
    os.truncate(array, 1000)
    again = data.load(digits)
    assert (again.fingerprint, again.train_x.shape) == (before, (1200, 1, 8, 8))


def test_a_half_written_cache_is_not_used(digits: DatasetSettings, private_cache: Path) -> None:
    data.load(digits)
    (folder,) = private_cache.glob("prepared/*")
    (folder / "meta.json").unlink()
    assert data.load(digits).train_x.shape == (1200, 1, 8, 8)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_unwritable_cache_is_named(digits: DatasetSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNLOOP_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"^NNLOOP_CACHE=.*file: can't be written"):
        data.load(digits)


def test_a_full_disk_is_told_with_the_room_left_and_the_remedy(
    configure: Configure, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=70_000))
    with pytest.raises(DatasetError, match=r"^NNLOOP_CACHE=.*No space left.*0 MB are free there; make room, or set NN"):
        data.load(configure("dataset=digits").dataset)
    assert list((private_cache / "prepared").iterdir()) == []


def test_changed_raw_files_are_read_again(configure: Configure, tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    settings = cifar(configure, tmp_path, "dataset.verify=false")
    before = data.load(settings).fingerprint
    batch = pickle.loads((folder / "test_batch").read_bytes())
    batch["data"][:, 5] = 9
    (folder / "test_batch").write_bytes(pickle.dumps(batch))
    assert data.load(settings).fingerprint != before


def test_the_inner_folder_is_accepted_as_root(configure: Configure, tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    assert len(data.load(cifar(configure, folder, "dataset.verify=false")).train_y) == 90


def test_a_missing_folder_is_named(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"^dataset.root=.*nowhere: no such folder; put there, or unpacked: cifar-10-python.tar.gz"
    ) as caught:
        data.load(cifar(configure, tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(configure: Configure, tmp_path: Path) -> None:
    (write_cifar(tmp_path) / "data_batch_3").unlink()
    with pytest.raises(DatasetError, match=r"dataset.root=.*holds neither .*/data_batch_3 nor cifar-10-python.tar.gz"):
        data.load(cifar(configure, tmp_path, "dataset.verify=false"))


def test_a_subset_needs_verification_turned_off(configure: Configure, tmp_path: Path) -> None:
    write_cifar(tmp_path)
    with pytest.raises(DatasetError, match=r"dataset.root=.*damaged.*dataset.verify=false"):
        data.load(cifar(configure, tmp_path))


def test_a_damaged_file_is_named(configure: Configure, tmp_path: Path) -> None:
    (write_cifar(tmp_path) / "data_batch_2").write_bytes(b"\x80\x04garbage")
    with pytest.raises(DatasetError, match=r"^dataset.root=.*damaged") as caught:
        data.load(cifar(configure, tmp_path, "dataset.verify=false"))
    assert "\n" not in str(caught.value)


def test_labels_out_of_range_are_refused(configure: Configure, tmp_path: Path) -> None:
    folder = write_cifar(tmp_path)
    batch = pickle.loads((folder / "test_batch").read_bytes())
    (folder / "test_batch").write_bytes(pickle.dumps({**batch, "labels": [10] * 20}))
    with pytest.raises(DatasetError, match=r"labels from 10 to 10, expected 0 to 9"):
        data.load(cifar(configure, tmp_path, "dataset.verify=false"))


def test_an_unknown_dataset_is_refused_with_the_known_ones(digits: DatasetSettings) -> None:
    with pytest.raises(
        DatasetError, match=r"dataset.name=letters: must be one of celeba, cifar10, cifar100, digits, imagenette"
    ):
        data.load(replace(digits, name="letters"))
