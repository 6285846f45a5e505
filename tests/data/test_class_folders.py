"""dataset=folder reads what users have, in all three forms, and names everything that it can't read."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from own_images import write_tree
from PIL import Image

from nnloop import data
from nnloop.data import Dataset
from nnloop.errors import DatasetError
from nnloop.settings import Settings

Configure = Callable[..., Settings]
Load = Callable[..., Dataset]


@pytest.fixture
def loaded(configure: Configure, private_cache: Path) -> Load:
    def load(root: Path, *overrides: str) -> Dataset:
        return data.load(data.complete(configure("dataset=folder", f"dataset.root={root}", *overrides).dataset))

    return load


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    return len(dataset.train_y), len(dataset.val_y), len(dataset.test_y)


def test_one_tree_is_split_by_a_seed_and_keeps_the_shares_of_the_classes(loaded: Load, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", each=40)
    dataset = loaded(root)
    assert sizes(dataset) == (58, 10, 12)
    assert dataset.facts()["classes"] == {"train": [29, 29], "val": [5, 5], "test": [6, 6]}
    assert dataset.class_names == dataset.facts()["class_names"] == ["cat", "dog"]
    assert (dataset.train_x.reshape(58, -1).mean(1) >= 190).tolist() == (dataset.train_y == 1).tolist()
    assert loaded(root).fingerprint == dataset.fingerprint != loaded(root, "dataset.split_seed=1").fingerprint


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("train", "test"), (34, 6, 40)),
        (("Train", "Validation", "TEST"), (40, 40, 40)),
        (("train", "val"), (34, 40, 6)),
    ],
)
def test_parts_are_taken_as_they_are_and_a_missing_one_is_split_off(
    parts: tuple[str, ...], expected: tuple[int, int, int], loaded: Load, tmp_path: Path
) -> None:
    for part in parts:
        write_tree(tmp_path / "pets" / part)
    assert sizes(loaded(tmp_path / "pets")) == expected


def test_a_class_may_be_called_train(loaded: Load, tmp_path: Path) -> None:
    assert loaded(write_tree(tmp_path / "pets", ("train", "bus"))).class_names == ["bus", "train"]


def test_names_of_any_letters_are_classes_and_fit_in_a_prompt(
    configure: Configure, private_cache: Path, tmp_path: Path
) -> None:
    root = write_tree(tmp_path / "Blüten", ("rote Rose", "菊\n花"))
    completed = data.complete(configure("dataset=folder", f"dataset.root='{root}'").dataset)
    assert completed.title == "Blüten"
    assert completed.description == "grey 8x8 images of 2 classes: rote Rose, 菊 花"


def test_images_of_all_formats_sizes_and_colours_make_one_set(
    loaded: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_tree(tmp_path / "pets", side=16)
    Image.new("RGB", (40, 20), "red").save(root / "cat" / "a.JPEG")
    Image.new("RGB", (20, 30), "red").save(root / "cat" / "b.webp")
    (root / "dog" / "deep").mkdir()
    Image.new("CMYK", (90, 90)).save(root / "dog" / "deep" / "c.Jpg")
    (root / "dog" / "linked.png").symlink_to(root / "dog" / "000.png")
    (root / "again").symlink_to(root / "cat")
    (root / "cat" / "notes.txt").write_text("no image")
    for hidden in ("._001.png", ".DS_Store", "Thumbs.db"):
        (root / "cat" / hidden).write_bytes(b"x")
    (root / "__MACOSX").mkdir()
    with caplog.at_level(logging.INFO):
        dataset = loaded(root)
    assert dataset.train_x.shape[1:] == (3, 16, 16)
    assert (sum(sizes(dataset)), dataset.class_names) == (66, ["again", "cat", "dog"])
    assert "images of from 16x16 to 90x90 pixels are scaled to 16x16" in caplog.text
    assert "are left out: 2 .txt" in caplog.text
    assert "images are among the training images too" in caplog.text


def test_all_broken_images_are_named_at_once(loaded: Load, tmp_path: Path, private_cache: Path) -> None:
    root = write_tree(tmp_path / "pets")
    (root / "cat" / "000.png").write_bytes(b"")
    (root / "cat" / "x.jpg").write_text("no image")
    big = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(big).save(root / "dog" / "y.png")
    (root / "dog" / "y.png").write_bytes((root / "dog" / "y.png").read_bytes()[:900])
    (root / "dog" / "z.png").symlink_to("nowhere")
    with pytest.raises(DatasetError) as caught:
        loaded(root)
    message = str(caught.value)
    assert "4 images can't be read: cat/000.png (no image), cat/x.jpg (no image), dog/y.png (" in message
    assert "dog/z.png (No such file or directory); replace them or take them away" in message
    assert "\n" not in message
    assert list((private_cache / "prepared").iterdir()) == []


def test_many_broken_images_are_listed_in_a_file(loaded: Load, tmp_path: Path, private_cache: Path) -> None:
    root = write_tree(tmp_path / "pets")
    for number in range(35):
        (root / "cat" / f"bad{number:02}.png").write_text("no image")
    with pytest.raises(DatasetError, match="and 5 more, all listed in"):
        loaded(root)
    (listed,) = (private_cache / "unreadable").iterdir()
    assert len(listed.read_text().splitlines()) == 35


def nothing(root: Path) -> None:
    root.rmdir()


def a_file(root: Path) -> None:
    root.rmdir()
    root.write_text("")


def no_classes(root: Path) -> None:
    Image.new("L", (8, 8)).save(root / "a.png")


def one_class(root: Path) -> None:
    write_tree(root, ("cat",), each=40)


def an_empty_class(root: Path) -> None:
    write_tree(root)
    (root / "owl").mkdir()


def three_images(root: Path) -> None:
    write_tree(root, ("a", "b", "c"), each=1)


def a_test_class_unknown_in_train(root: Path) -> None:
    write_tree(root / "train")
    write_tree(root / "test", ("cat", "dog", "owl"))


def no_train(root: Path) -> None:
    write_tree(root / "test")


def an_empty_part(root: Path) -> None:
    write_tree(root / "train")
    (root / "test" / "cat").mkdir(parents=True)


def nothing_readable(root: Path) -> None:
    for path in write_tree(root).rglob("*.png"):
        path.write_text("no image")


@pytest.mark.parametrize(
    ("spoil", "overrides", "message"),
    [
        (nothing, [], "no such folder$"),
        (a_file, [], "is a file; dataset=npz reads arrays"),
        (no_classes, [], "has no folders of classes; expected train/<class>"),
        (one_class, [], r"has one class \(cat\); two are needed"),
        (an_empty_class, [], "no image to train on in owl"),
        (three_images, [], "has 3 images"),
        (a_test_class_unknown_in_train, [], "train has no folder of owl"),
        (no_train, [], "has test and no train"),
        (an_empty_part, [], "no image .* in .*test"),
        (nothing_readable, [], "none of its 40 images can be read"),
        (write_tree, ["dataset.classes=3"], "^dataset.classes=3: .* has 2; null takes them all"),
        (write_tree, ["dataset.mean=[0.1,0.2]"], r"^dataset.mean=\[0.1, 0.2\]: must have one number for each of 1"),
        (write_tree, ["dataset.train_limit=900"], "^dataset.train_limit=900: folder has 34 such images"),
        (write_tree, ["dataset.val_fraction=null"], "^dataset.val_fraction=null: must be a number"),
    ],
    ids=lambda case: getattr(case, "__name__", None),
)
def test_what_is_no_dataset_gets_one_line(
    spoil: Callable[[Path], object], overrides: list[str], message: str, loaded: Load, tmp_path: Path
) -> None:
    root = tmp_path / "pets"
    root.mkdir()
    spoil(root)
    with pytest.raises(DatasetError, match=message) as caught:
        loaded(root, *overrides)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("dataset.")


def test_changed_images_are_prepared_anew_and_kept_ones_outlive_their_folder(loaded: Load, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets")
    before = loaded(root)
    Image.new("L", (8, 8), 7).save(root / "cat" / "new.png")
    after = loaded(root)
    assert (sum(sizes(before)), sum(sizes(after))) == (40, 41)
    root.rename(tmp_path / "moved")
    assert loaded(root).fingerprint == after.fingerprint
