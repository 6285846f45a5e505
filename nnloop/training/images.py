"""The training and evaluation images on the device, and batches of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from nnloop.training.recipe import Recipe, steps_per_epoch


@dataclass(frozen=True, slots=True)
class TrainImages:
    """The images that a candidate trains on, with their labels."""

    x: Tensor  # uint8 (N, C, H, W)
    y: Tensor  # int64 (N,)

    def to(self, device: torch.device) -> "TrainImages":
        """Return the images on another device."""
        return TrainImages(self.x.to(device), self.y.to(device))


@dataclass(frozen=True, slots=True)
class EvalImages:
    """The images that a trained network answers; their labels are in the parent alone."""

    x: Tensor  # uint8 (M, C, H, W), for validation and test
    probe_x: Tensor  # uint8 (P, C, H, W), training images of `probe_rows`, which the training has answered too

    def to(self, device: torch.device) -> "EvalImages":
        """Return the images on another device."""
        return EvalImages(self.x.to(device), self.probe_x.to(device))


class Normalise:
    """The step from uint8 pixels to standardised floats of the recipe's size, in one memory format."""

    def __init__(self, recipe: Recipe, device: torch.device, memory_format: torch.memory_format) -> None:
        mean, std = (torch.tensor(each, device=device)[:, None, None] for each in (recipe.mean, recipe.std))
        self._scale = 1 / (255 * std)
        self._shift = -mean / std
        self._size = recipe.size
        self._memory_format = memory_format

    def __call__(self, x: Tensor) -> Tensor:
        """Return floats (B, C, H, W) of uint8 images (B, C, H, W)."""
        if self._size is not None:
            x = resize(x, self._size)
        floats = x.float().mul_(self._scale).add_(self._shift)
        return floats.contiguous(memory_format=self._memory_format)


def resize(x: Tensor, size: int) -> Tensor:
    """Resize uint8 images as Pillow's bilinear filter does, the shorter side to `size`, and cut out the middle."""
    height, width = x.shape[2:]
    if (height, width) == (size, size):
        return x
    shorter = min(height, width)
    scaled = (size * height // shorter, size * width // shorter)
    x = x if x.device.type == "cpu" else x.float()  # torch resizes bytes on CPUs only
    x = nn.functional.interpolate(x, scaled, mode="bilinear", antialias=True)
    if x.is_floating_point():
        x = x.round_().clamp_(0, 255)
    top, left = (scaled[0] - size + 1) // 2, (scaled[1] - size + 1) // 2
    return x[:, :, top : top + size, left : left + size]


class TrainBatches:
    """The training images in batches: each iteration over them is one shuffled, augmented pass."""

    def __init__(self, images: TrainImages, recipe: Recipe, normalise: Normalise, *, seed: int) -> None:
        self._images = images
        self._recipe = recipe
        self._normalise = normalise
        self.generator = torch.Generator(device=images.x.device).manual_seed(seed)

    def __len__(self) -> int:
        return steps_per_epoch(len(self._images.y), self._recipe.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        x, y = self._images.x, self._images.y
        order = torch.randperm(len(y), generator=self.generator, device=y.device)
        for chosen in torch.split(order, self._recipe.batch_size)[: len(self)]:
            yield self._normalise(self._augment(x.index_select(0, chosen))), y.index_select(0, chosen)

    def _augment(self, x: Tensor) -> Tensor:
        if self._recipe.crop_pad:
            x = self._crop(x, self._recipe.crop_pad)
        if self._recipe.flip:
            mirrored = torch.rand(len(x), generator=self.generator, device=x.device) < 0.5
            rows = torch.arange(len(x), device=x.device) + len(x) * mirrored
            x = torch.cat([x, x.flip(3)]).index_select(0, rows)
        return x

    def _crop(self, x: Tensor, pad: int) -> Tensor:
        """Crop each padded image at its own random place, by copying whole rows of pixels."""
        count, channels, height, width = x.shape
        padded = nn.functional.pad(x, (pad, pad, pad, pad))
        tall, wide = padded.shape[2:]
        top, left = torch.randint(2 * pad + 1, (2, count), generator=self.generator, device=x.device)
        images = torch.arange(count, device=x.device) * (channels * tall * wide) + top * wide + left
        planes = torch.arange(channels, device=x.device) * (tall * wide)
        rows = torch.arange(height, device=x.device) * wide
        starts = images[:, None, None] + planes[:, None] + rows  # (B, C, H)
        windows = padded.flatten().unfold(0, width, 1)
        return windows.index_select(0, starts.flatten()).view(x.shape)


Batch = tuple[Tensor, Tensor]  # images (B, C, H, W) and labels (B,)


class Chunks:
    """The batches, several at a time."""

    def __init__(self, batches: TrainBatches, size: int) -> None:
        self._batches = batches
        self._size = size

    def __len__(self) -> int:
        return -(-len(self._batches) // self._size)

    def __iter__(self) -> Iterator[list[Batch]]:
        batches = iter(self._batches)
        while chunk := list(islice(batches, self._size)):
            yield chunk
