"""A look at own images: their size, their names, and what counts as a file of theirs."""

from pathlib import Path

import numpy as np
import pytest

from nnloop.data.dataset import Part
from nnloop.data.survey import describe, is_hidden, listing, make_survey, one_line, split_off_test, walk
from nnloop.settings import FolderDatasetSettings


@pytest.mark.parametrize(
    ("sides", "size", "told"),
    [
        ([(28, 28)] * 3, 28, False),
        ([(30, 20)] * 3, 20, True),
        ([(20, 20), (40, 40), (90, 30)], 30, True),
        ([(300, 200)] * 2, 64, True),
    ],
)
def test_the_size_is_the_median_shorter_side_and_no_more_than_training_takes(
    sides: list[tuple[int, int]], size: int, told: bool
) -> None:
    survey = make_survey("mine", ["a", "b"], channels=3, sides=sides)
    assert (survey.size, bool(survey.told)) == (size, told)


def test_the_description_names_classes_that_have_names() -> None:
    named = make_survey("mine", ["cat", "dog"], channels=3, sides=[(8, 8)])
    numbered = make_survey("mine", ["0", "1"], channels=1, sides=[(8, 8)])
    assert describe(named, classes=2, channels=3, size=16) == "colour 16x16 images of 2 classes: cat, dog"
    assert describe(numbered, classes=2, channels=4, size=8) == "4-channel 8x8 images of 2 classes"


def test_a_listing_notices_every_change_and_ends_in_circles(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_text("1")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    before = listing(tmp_path)
    assert [path.name for path in walk(tmp_path)] == ["x.png"]
    (tmp_path / "a" / "x.png").write_text("12")
    assert len({before, listing(tmp_path), listing(tmp_path / "a" / "x.png")}) == 3


def test_the_test_set_keeps_its_images_labels(configure) -> None:  # type: ignore[no-untyped-def]
    settings = configure("dataset=folder", "dataset.root=x", "dataset.test_fraction=0.2").dataset
    assert isinstance(settings, FolderDatasetSettings)
    labels = np.arange(50) % 5
    whole = Part(labels, lambda rows: rows.astype(np.uint8)[:, None, None, None])
    for part, size in zip(split_off_test(whole, settings), (40, 10), strict=True):
        assert len(part) == size
        assert (part.pixels(np.arange(size)).ravel() % 5 == part.labels).all()


def test_names_become_one_line() -> None:
    assert one_line("a\n b\x00\tc  d") == "a b c d"
    assert [is_hidden(name) for name in ("._a.png", ".DS_Store", "__MACOSX", "a.png")] == [True, True, True, False]
