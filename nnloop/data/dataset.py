"""A dataset: in the parts that its source publishes, and as the rest of nnloop uses it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (N, C, H, W)
Labels = NDArray[np.int64]  # (N,)
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images and labels, usually memory-mapped and read-only.

    `eval_x` has the validation images first, then the test images. A candidate gets these images, never their labels.
    """

    name: str
    train_x: Pixels
    train_y: Labels
    eval_x: Pixels
    val_y: Labels
    test_y: Labels
    fingerprint: str  # of the pixels, the labels and the split
    class_names: list[str] = field(default_factory=list)  # in the labels' order; [] if they are not known

    def facts(self) -> dict[str, object]:
        """Return the name, the fingerprint, the classes and each part's number of images of each, for a run folder."""
        parts = {"train": self.train_y, "val": self.val_y, "test": self.test_y}
        classes = max(int(labels.max()) for labels in parts.values()) + 1
        counts = {part: np.bincount(labels, minlength=classes).tolist() for part, labels in parts.items()}
        facts: dict[str, object] = {"name": self.name, "fingerprint": self.fingerprint, "classes": counts}
        return facts | ({"class_names": self.class_names} if self.class_names else {})


@dataclass(frozen=True, slots=True)
class DatasetPool:
    """The datasets of one search, by name."""

    sets: Mapping[str, Dataset]

    @property
    def fingerprint(self) -> str:
        """Return the datasets' fingerprints, joined."""
        return "+".join(dataset.fingerprint for dataset in self.sets.values())

    def facts(self) -> dict[str, object]:
        """Return the facts of every dataset, by name, for a run folder."""
        sets = {name: dataset.facts() for name, dataset in self.sets.items()}
        return {"name": "pool", "fingerprint": self.fingerprint, "sets": sets}


@dataclass(frozen=True, slots=True)
class Part:
    """One of a dataset's official parts. `pixels` reads the images at given indices: all may not fit in memory."""

    labels: Labels
    pixels: Callable[[Indices], Pixels]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Raw:
    """A dataset as its source publishes it. `val` is None if no validation set is published."""

    train: Part
    test: Part
    val: Part | None = None
    class_names: list[str] = field(default_factory=list, kw_only=True)  # in the labels' order; [] if not known
    faults: list[str] = field(
        default_factory=list, kw_only=True
    )  # names of images that could not be read, with reasons, so far

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that are published: for training, for validation if official, and for testing."""
        return tuple(part for part in (self.train, self.val, self.test) if part is not None)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of images in the parts."""
        return tuple(map(len, self.parts))


@dataclass(frozen=True, slots=True)
class Subset:
    """Some images of a part, in rising order."""

    part: Part
    indices: Indices

    @property
    def labels(self) -> Labels:
        """The labels of these images."""
        return self.part.labels[self.indices]


@dataclass(frozen=True, slots=True)
class Split:
    """The images of the three parts that nnloop uses."""

    train: Subset
    val: Subset
    test: Subset
