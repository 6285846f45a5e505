"""The training recipe of one trial, as plain numbers. No torch here."""

import math
from dataclasses import dataclass, field
from typing import Any

from nnloop.records import Record
from nnloop.settings import DatasetSettings, LemurProxySettings, ProxySettings
from nnloop.settings.transforms import parse_transform


@dataclass(frozen=True, slots=True)
class Recipe(Record):
    """Everything of the dataset's and the proxy's settings that training looks at."""

    classes: int
    mean: tuple[float, ...]  # per channel, of pixels in [0, 1]
    std: tuple[float, ...]
    flip: bool
    crop_pad: int
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    warmup_share: float | None  # of the one-cycle schedule; None keeps the learning rate as it is
    clip_norm: float
    dropout: float
    chance_share: float = 0.0
    nesterov: bool = True
    size: int | None = None  # pixels, square; None is the images' own
    transform: str = "fast"  # its name in prm
    more: dict[str, float] = field(default_factory=dict)  # of prm
    own_training: bool = False  # the network's train_setup and learn count where it has them
    precision: str = "auto"  # or float32

    def prm(self) -> dict[str, Any]:
        """The hyperparameters that Net is given, under LEMUR's names."""
        return {
            **self.more,
            "lr": self.lr,
            "momentum": self.momentum,
            "dropout": self.dropout,
            "batch": self.batch_size,
            "epoch": self.epochs,
            "epoch_max": self.epochs,
            "transform": self.transform,
        }


def recipe(dataset: DatasetSettings, proxy: ProxySettings | LemurProxySettings, *, epochs: int, images: int) -> Recipe:
    """Combine the two groups of settings into the recipe of a training set of `images` images."""
    if isinstance(proxy, LemurProxySettings):
        return _lemur(dataset, proxy, epochs=epochs, images=images)
    return _one_cycle(dataset, proxy, epochs=epochs, images=images)


def _one_cycle(dataset: DatasetSettings, proxy: ProxySettings, *, epochs: int, images: int) -> Recipe:
    return Recipe(
        classes=dataset.classes,
        mean=tuple(dataset.mean),
        std=tuple(dataset.std),
        flip=dataset.flip,
        crop_pad=dataset.crop_pad,
        epochs=epochs,
        batch_size=batch_size(proxy.batch_size, proxy.min_steps, images),
        lr=proxy.lr,
        momentum=proxy.momentum,
        weight_decay=proxy.weight_decay,
        label_smoothing=proxy.label_smoothing,
        warmup_share=proxy.warmup_share,
        clip_norm=proxy.clip_norm,
        dropout=proxy.dropout,
        chance_share=proxy.chance_share,
        precision=proxy.precision,
    )


def _lemur(dataset: DatasetSettings, proxy: LemurProxySettings, *, epochs: int, images: int) -> Recipe:
    """LEMUR's: the transform decides over flips whatever the dataset, the learning rate is constant."""
    transform = parse_transform(proxy.transform)
    channels = dataset.channels
    return Recipe(
        classes=dataset.classes,
        mean=tuple(dataset.mean) if transform.normalise else (0.0,) * channels,
        std=tuple(dataset.std) if transform.normalise else (1.0,) * channels,
        flip=transform.flip,
        crop_pad=0,
        epochs=epochs,
        batch_size=min(proxy.batch_size, images),
        lr=proxy.lr,
        momentum=proxy.momentum,
        weight_decay=0.0,
        label_smoothing=0.0,
        warmup_share=None,
        clip_norm=proxy.clip_norm,
        dropout=proxy.dropout,
        chance_share=proxy.chance_share,
        nesterov=False,
        size=transform.size,
        transform=proxy.transform,
        more=dict(proxy.prm),
        own_training=True,
        precision="float32",
    )


def batch_size(largest: int, min_steps: int, images: int) -> int:
    """Give a small training set smaller batches, so that an epoch has at least `min_steps` steps."""
    return max(2, min(largest, images // min_steps))


def steps_per_epoch(images: int, batch: int) -> int:
    """Count the batches; a last one of a single image is dropped, since batch normalisation can't train on it."""
    full, rest = divmod(images, batch)
    return full + (rest > 1)


def one_cycle(step: int, total: int, warmup_share: float) -> float:
    """Share of the peak learning rate at `step` of `total`: linear up from 4%, then a cosine down to nearly 0."""
    warmup = max(1.0, warmup_share * total)
    if step < warmup:
        return 0.04 + 0.96 * step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))
