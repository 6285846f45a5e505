"""Datasets that are published as JPEGs: Imagenette and CelebA."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from archive_server import serve
from raw_files import CLASSES, SHAPES, TEST, TRAIN, VAL, Prepared, grey, mirrored

from nnloop import data
from nnloop.errors import DatasetError
from nnloop.settings import Settings

Configure = Callable[..., Settings]
NAMES = ["imagenette", "celeba"]


@pytest.mark.parametrize("name", NAMES)
def test_a_dataset_is_read_whole_in_its_official_parts(name: str, prepared: Callable[[str], Prepared]) -> None:
    dataset = prepared(name).dataset
    train, val = (TRAIN, VAL) if name == "celeba" else (TRAIN * 9 // 10, TRAIN // 10)
    assert dataset.train_x.shape == (train, *SHAPES[name])
    assert dataset.eval_x.shape == (val + TEST, *SHAPES[name])
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


def test_the_official_parts_of_celeba_are_kept(prepared: Callable[[str], Prepared]) -> None:
    dataset = prepared("celeba").dataset
    pixels = dataset.eval_x[:, 0, 32, 32].astype(int)
    expected = [*(grey(i) for i in range(VAL)), *(grey(i) for i in range(TEST))]
    assert max(abs(pixels - expected)) <= 2
    assert [*dataset.val_y] == [i % 2 for i in range(VAL)]


@pytest.mark.parametrize("name", NAMES)
def test_images_are_kept_at_the_size_asked_for(
    name: str, configure: Configure, published: Callable[[str], Path], private_cache: Path
) -> None:
    with serve(published(name)) as served:
        dataset = data.load(mirrored(configure, name, served, "dataset.size=24", "dataset.train_limit=40"))
    assert dataset.train_x.shape[1:] == (3, 24, 24)


def test_what_a_mac_leaves_beside_the_images_is_no_image(
    configure: Configure, published: Callable[[str], Path], private_cache: Path, tmp_path: Path
) -> None:
    with tarfile.open(published("imagenette") / "imagenette2-320.tgz") as tar:
        tar.extractall(tmp_path, filter="data")
    folder = sorted((tmp_path / "imagenette2-320" / "train").iterdir())[0]
    for name in ("._n0_1.JPEG", ".DS_Store"):
        (folder / name).write_bytes(b"Mac OS X")
    chosen = configure("dataset=imagenette", f"dataset.root={tmp_path}", "dataset.verify=false", "dataset.size=8")
    assert len(data.load(chosen.dataset).train_y) == TRAIN * 9 // 10


def test_a_damaged_image_is_named(
    configure: Configure, published: Callable[[str], Path], private_cache: Path, tmp_path: Path
) -> None:
    with tarfile.open(published("imagenette") / "imagenette2-320.tgz") as tar:
        tar.extractall(tmp_path / "mine", filter="data")
    victim = sorted((tmp_path / "mine" / "imagenette2-320" / "train").rglob("*.JPEG"))[3]
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(DatasetError, match=rf"damaged.*image .*{victim.name}"):
        data.load(configure("dataset=imagenette", f"dataset.root={tmp_path / 'mine'}", "dataset.verify=false").dataset)
    assert list((private_cache / "prepared").iterdir()) == []
