"""Images of any mode and shape become square arrays of grey or colour pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from nnloop.data.pixels import decode, fit_square, resize_all, to_array


def encoded(image: Image.Image, kind: str = "PNG", **more: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **more)  # type: ignore[arg-type]
    file.seek(0)
    return file


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("CMYK", (9, 9), (0, 255, 255, 0)),
        Image.new("RGB", (9, 9), "red"),
        Image.new("P", (9, 9), 1),
        Image.new("RGBA", (9, 9), (255, 0, 0, 255)),
        Image.new("1", (9, 9), 1),
    ],
    ids=lambda image: image.mode,
)
def test_every_mode_becomes_colour(image: Image.Image) -> None:
    if image.mode == "P":
        image.putpalette([0, 0, 0, 255, 0, 0])
    pixels = decode(encoded(image, "TIFF"), channels=3, size=4, fit="crop")
    assert (pixels.shape, pixels.dtype) == ((3, 4, 4), np.uint8)
    assert pixels[0].min() >= 250, "red or white in all of them"


def test_16_bits_are_cut_to_8_and_not_clipped() -> None:
    deep = Image.fromarray(np.full((6, 6), 257 * 100, dtype=np.uint16))
    assert (decode(encoded(deep), channels=1, size=6, fit="crop") == 100).all()


def test_transparent_parts_become_white() -> None:
    assert (decode(encoded(Image.new("RGBA", (6, 6), (9, 9, 9, 0))), channels=1, size=6, fit="crop") == 255).all()


def test_an_image_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.new("L", (8, 4))
    wide.paste(255, (0, 0, 4, 4))
    turned = decode(encoded(wide, "JPEG", exif=exif, quality=95), channels=1, size=4, fit="pad")
    assert turned[0, 0, 1:3].mean() > 200 > 50 > turned[0, -1, 1:3].mean()


def test_a_film_is_no_image() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    film = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(ValueError, match="a film of 2 images"):
        decode(film, channels=3, size=8, fit="crop")


def test_pad_keeps_the_whole_image_and_crop_its_middle() -> None:
    wide = Image.new("L", (8, 4), 200)
    assert to_array(fit_square(wide, 8, "pad"))[0, :, 4].tolist() == [0, 0, 200, 200, 200, 200, 0, 0]
    assert (to_array(fit_square(wide, 8, "crop")) == 200).all()


def test_a_long_strip_takes_little_memory() -> None:
    assert fit_square(Image.new("L", (100_000, 1)), 64, "crop").size == (64, 64)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_arrays_of_any_channels_are_scaled(channels: int) -> None:
    block = np.stack([np.stack([np.full((8, 8), 10 * one, np.uint8) for one in range(channels)])] * 3)
    assert resize_all(block, 4, "crop").tolist() == block[:, :, :4, :4].tolist()
    assert resize_all(block, 8, "crop") is block


def test_images_are_cut_out_as_torchvision_does_it() -> None:
    from nnloop import compat

    compat.ensure_torchvision_imports()
    from torchvision.transforms import CenterCrop, Compose, Resize

    for (width, height), size in (((178, 218), 64), ((427, 320), 128), ((97, 301), 33), ((50, 50), 128)):
        image = noise(width, height)
        theirs = Compose([Resize(size), CenterCrop(size)])(image)
        ours = decode(encoded(image), channels=3, size=size, fit="crop")
        np.testing.assert_array_equal(ours, np.asarray(theirs).transpose(2, 0, 1))
