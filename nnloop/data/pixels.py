"""Images of any size and mode as square arrays of grey or colour pixels."""

from typing import IO

import numpy as np
from PIL import Image, ImageOps

from nnloop.data.dataset import Pixels

LONG = 8  # times its shorter side: only the middle of a longer image is scaled
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_MOVING = ("PNG", "WEBP", "GIF")  # formats that hold films; a second JPEG in one file is a phone's preview


def is_grey(image: Image.Image) -> bool:
    """Tell whether an image's mode has no colour."""
    return image.mode in _GREY


def open_still(file: IO[bytes]) -> Image.Image:
    """Open an image without decoding it. Raises OSError for another file, ValueError for a film."""
    image = Image.open(file)
    if image.format in _MOVING and getattr(image, "is_animated", False):
        raise ValueError(f"a film of {getattr(image, 'n_frames', 2)} images")
    if image.mode == "F":
        raise ValueError("pixels in floating point")
    return image


def decode(file: IO[bytes], *, channels: int, size: int, fit: str) -> Pixels:
    """Return an image as uint8 (channels, size, size), grey for one channel and colour for three.

    It is turned as its EXIF data say, its transparent parts become white, and 16 bits are cut to 8. Raises OSError,
    ValueError or SyntaxError for files that are damaged or no image.
    """
    with open_still(file) as image:
        upright = _opaque(_of_8_bits(ImageOps.exif_transpose(image)))
        return to_array(fit_square(upright.convert("L" if channels == 1 else "RGB"), size, fit))


def fit_square(image: Image.Image, size: int, fit: str) -> Image.Image:
    """Scale an image to a square of `size` pixels.

    `crop` scales the shorter side to `size` and cuts out the centre; its pixels are those of torchvision's Resize(size)
    and CenterCrop(size). `pad` scales the longer side to `size` and adds black bars.
    """
    width, height = image.size
    if fit == "pad":
        longest = max(width, height)
        shape = (max(1, round(size * width / longest)), max(1, round(size * height / longest)))
        square = Image.new(image.mode, (size, size))
        scaled = image.resize(shape, Image.Resampling.BILINEAR)
        square.paste(scaled, ((size - scaled.width) // 2, (size - scaled.height) // 2))
        return square
    short = min(width, height)
    if max(width, height) > LONG * short:
        image = ImageOps.fit(image, (min(width, LONG * short), min(height, LONG * short)))
        width, height = image.size
    image = image.resize((int(size * width / short), int(size * height / short)), Image.Resampling.BILINEAR)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def to_array(image: Image.Image) -> Pixels:
    """Return a grey or RGB image as uint8 (C, H, W)."""
    pixels = np.asarray(image)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def resize_all(pixels: Pixels, size: int, fit: str) -> Pixels:
    """Return images (N, C, H, W) as (N, C, size, size); those of that size already are returned as they are."""
    if pixels.shape[2:] == (size, size):
        return pixels
    return np.stack([_resized(image, size, fit) for image in pixels])


def _resized(image: Pixels, size: int, fit: str) -> Pixels:
    if len(image) == 3:
        return to_array(fit_square(Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))), size, fit))
    channels = [to_array(fit_square(Image.fromarray(np.ascontiguousarray(one)), size, fit)) for one in image]
    return np.concatenate(channels)


def _of_8_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.float64)
    return Image.fromarray(np.clip(np.round(values / 257), 0, 255).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if "transparency" not in image.info and image.mode not in ("RGBA", "RGBa", "LA", "La", "PA"):
        return image
    with_alpha = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), with_alpha)
