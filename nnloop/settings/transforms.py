"""LEMUR's names of image transforms, and their meaning."""

import re
from dataclasses import dataclass

SIZES = (32, 64, 128, 256, 299, 512)
_NAME = re.compile(rf"(echo|norm)(?:_({'|'.join(map(str, SIZES))}))?(_flip)?")


@dataclass(frozen=True, slots=True)
class Transform:
    """`size`: pixels that the shorter side is resized to, before a square is cut out; None leaves the image."""

    normalise: bool
    size: int | None
    flip: bool


def is_transform(name: str) -> bool:
    """Tell whether this is the name of a transform that can be trained with here."""
    return _NAME.fullmatch(name) is not None


def parse_transform(name: str) -> Transform:
    """Read a name such as norm_256_flip. Raises ValueError, which lists the known names."""
    match = _NAME.fullmatch(name)
    if match is None:
        sizes = ", ".join(map(str, SIZES))
        raise ValueError(f"must be echo or norm, then _<pixels> (of {sizes}) or nothing, then _flip or nothing")
    kind, size, flip = match.groups()
    return Transform(kind == "norm", int(size) if size else None, flip is not None)
