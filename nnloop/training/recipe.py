"""The training recipe of one trial, as plain numbers. No torch here."""

import math
from dataclasses import dataclass, field, replace

from nnloop.json_record import Record
from nnloop.settings import DatasetSettings, LemurProxySettings, ProxySettings, known
from nnloop.settings.transforms import parse_transform

PROBES = 128
KNOWN_EVERY = 3
"""One in so many of them is answered by the untrained network too."""


@dataclass(frozen=True, slots=True)
class Recipe(Record):
    """All values of the dataset's and the protocol's settings that training uses."""

    classes: int
    mean: list[float]  # per channel, of pixels in [0, 1]
    std: list[float]
    epochs: int
    batch_size: int
    lr: float  # constant, or the peak of the one-cycle schedule
    momentum: float
    clip_norm: float  # of the gradient; 0 is no clipping
    dropout: float
    chance_share: float = 0.0  # of the steps, after which a loss above guessing's ends the trial; 0: it never does
    flip: bool = False
    crop_pad: int = 0  # pixels
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    warmup_share: float | None = None  # of the one-cycle schedule; None keeps the learning rate as it is
    nesterov: bool = False
    precision: str = "float32"  # or auto
    size: int | None = None  # pixels, square; None is the images' own
    transform: str = "fast"  # its name in prm
    more: dict[str, float] = field(default_factory=dict)  # of prm
    own_training: bool = False  # the network's train_setup and learn count where it has them

    def prm(self) -> dict[str, float | str]:
        """Return the hyperparameters that Net is given, under LEMUR's names."""
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


def build_recipe(
    dataset: DatasetSettings, proxy: ProxySettings | LemurProxySettings, *, epochs: int, images: int
) -> Recipe:
    """Combine a dataset's and a protocol's settings for a training set of `images` images."""
    shared = Recipe(
        classes=known(dataset.classes),
        mean=list(known(dataset.mean)),
        std=list(known(dataset.std)),
        epochs=epochs,
        batch_size=min(proxy.batch_size, images),
        lr=proxy.lr,
        momentum=proxy.momentum,
        clip_norm=proxy.clip_norm,
        dropout=proxy.dropout,
        chance_share=proxy.chance_share,
    )
    if isinstance(proxy, LemurProxySettings):
        return _lemur(shared, proxy, known(dataset.channels))
    return replace(
        shared,
        flip=dataset.flip,
        crop_pad=known(dataset.crop_pad),
        batch_size=batch_size(proxy.batch_size, proxy.min_steps, images),
        weight_decay=proxy.weight_decay,
        label_smoothing=proxy.label_smoothing,
        warmup_share=proxy.warmup_share,
        nesterov=True,
        precision=proxy.precision,
    )


def _lemur(shared: Recipe, proxy: LemurProxySettings, channels: int) -> Recipe:
    """Add LEMUR's own: its transform decides over flips whatever the dataset, its learning rate is constant."""
    transform = parse_transform(proxy.transform)
    return replace(
        shared,
        mean=shared.mean if transform.normalise else [0.0] * channels,
        std=shared.std if transform.normalise else [1.0] * channels,
        flip=transform.flip,
        size=transform.size,
        transform=proxy.transform,
        more=dict(proxy.prm),
        own_training=True,
    )


def batch_size(largest: int, min_steps: int, images: int) -> int:
    """Give a small training set smaller batches, so that an epoch has at least `min_steps` steps."""
    return max(2, min(largest, images // min_steps))


def steps_per_epoch(images: int, batch: int) -> int:
    """Count the batches; a last one of a single image is dropped, since batch normalisation can't train on it."""
    full, rest = divmod(images, batch)
    return full + (rest > 1)


def probe_rows(images: int) -> slice:
    """Return the rows of some 128 training images, which are answered after training and again in the evaluation."""
    return slice(0, images, max(1, images // PROBES))


def one_cycle(step: int, total: int, warmup_share: float) -> float:
    """Return the share of the peak learning rate at `step` of `total`: linear up from 4%, then a cosine to nearly 0.

    A one-cycle schedule (Smith and Topin, 2018); the 4% are 1 / div_factor of torch's OneCycleLR.
    """
    warmup = max(1.0, warmup_share * total)
    if step < warmup:
        return 0.04 + 0.96 * step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))
