"""Batches of images: shuffled, augmented, normalised and resized."""

import numpy as np
import pytest
import torch
from PIL import Image
from recipes import CHANNELS_LAST, CPU, batches, numbered_images, recipe

from nnloop.training.images import Chunks, Normalise, resize

IMAGES = numbered_images()


def test_images_and_labels_move_to_a_device_together() -> None:
    moved = IMAGES.to(torch.device("meta"))
    assert {each.device.type for each in (moved.x, moved.y)} == {"meta"}


def test_a_last_batch_of_one_image_is_left_out() -> None:
    assert [len(y) for _, y in batches(numbered_images(17), recipe())] == [8, 8]


def test_an_epoch_shows_every_image_once_in_a_new_order() -> None:
    source = batches(IMAGES, recipe())
    first, second = ([int(label) for _, y in source for label in y] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


def test_the_same_seed_gives_the_same_batches() -> None:
    one, other = (batches(IMAGES, recipe(flip=True, crop_pad=2)) for _ in range(2))
    for (x, y), (again, labels) in zip(one, other, strict=True):
        assert torch.equal(x, again)
        assert torch.equal(y, labels)


def test_images_keep_their_labels() -> None:
    for x, y in batches(IMAGES, recipe()):
        pixels = (x[:, 0, 4, 4] * 0.25 + 0.5) * 255
        assert torch.allclose(pixels, y.float(), atol=1e-3)


def test_some_images_are_mirrored_where_the_recipe_flips() -> None:
    ramp = IMAGES.x.new_tensor(range(8)).expand(20, 1, 8, 8).contiguous()
    shown = torch.cat([x for x, _ in batches(type(IMAGES)(ramp, IMAGES.y), recipe(flip=True))])
    mirrored = shown[:, 0, 0, 0] > shown[:, 0, 0, 7]
    assert 0 < int(mirrored.sum()) < 20


def test_crops_shift_by_at_most_the_padding_and_fill_with_black() -> None:
    black = -2.0  # (0 - mean) / std
    lit = torch.cat([x for x, _ in batches(IMAGES, recipe(crop_pad=2))]) > black + 1e-6
    shown = lit.sum(dim=(1, 2, 3))[lit.any(dim=(1, 2, 3))]
    assert shown.min() >= 6 * 6
    assert shown.max() <= 8 * 8
    assert len(set(shown.tolist())) > 1


def test_normalised_pixels_have_the_asked_scale_and_layout() -> None:
    x = Normalise(recipe(), CPU, CHANNELS_LAST)(
        torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    )
    assert (float(x[0, 0, 0, 0]), float(x[1, 0, 0, 0])) == (-2.0, 2.0)
    assert x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width", "size"), [(8, 8, 32), (32, 32, 256), (28, 28, 32), (64, 48, 32)])
def test_images_are_resized_as_pillow_does(height: int, width: int, size: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ratio = size / min(height, width)
    scaled = Image.fromarray(pixels).resize((int(width * ratio), int(height * ratio)), Image.Resampling.BILINEAR)
    top, left = round((scaled.height - size) / 2), round((scaled.width - size) / 2)
    expected = np.asarray(scaled.crop((left, top, left + size, top + size)), dtype=np.int16)
    resized = resize(torch.from_numpy(pixels).permute(2, 0, 1)[None], size)
    assert resized.shape == (1, 3, size, size)
    difference = np.abs(resized[0].permute(1, 2, 0).numpy().astype(np.int16) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.1


def test_chunks_hold_the_same_batches_several_at_a_time() -> None:
    plain = [y.tolist() for _, y in batches(IMAGES, recipe(batch=4))]
    chunks = Chunks(batches(IMAGES, recipe(batch=4)), 2)
    assert (len(plain), len(chunks)) == (5, 3)
    assert [[y.tolist() for _, y in chunk] for chunk in chunks] == [plain[:2], plain[2:4], plain[4:]]
