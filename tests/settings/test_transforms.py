"""LEMUR's names of image transforms."""

import pytest

from nnloop.settings.transforms import Transform, parse_transform


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("norm", Transform(normalise=True, size=None, flip=False)),
        ("echo_64", Transform(normalise=False, size=64, flip=False)),
        ("norm_256_flip", Transform(normalise=True, size=256, flip=True)),
    ],
)
def test_a_name_says_what_is_done_to_an_image(name: str, what: Transform) -> None:
    assert parse_transform(name) == what


@pytest.mark.parametrize("name", ["", "norm_100", "norm_flip_256", "complex", "bf-v1-3", "normflip", "norm_256_"])
def test_an_unknown_name_is_told_how_names_are_made(name: str) -> None:
    with pytest.raises(ValueError, match=r"must be echo or norm, .*256.*_flip"):
        parse_transform(name)
