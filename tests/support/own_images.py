"""Own datasets as a user has them: small images in folders of classes, and arrays."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog")


def write_tree(root: Path, classes: tuple[str, ...] = CLASSES, *, each: int = 20, side: int = 8) -> Path:
    """Write `each` grey PNGs of every class; the classes differ in brightness. Return the root."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(each):
            grey = 40 + 150 * label // max(1, len(classes) - 1) + number
            Image.new("L", (side, side), grey).save(root / name / f"{number:03}.png")
    return root


def arrays(images: int = 40, classes: int = 2, shape: tuple[int, ...] = (8, 8)) -> dict[str, np.ndarray]:
    """Return train_x, uint8 (N, *shape), and train_y."""
    labels = np.arange(images) % classes
    pixels = np.random.default_rng(0).integers(0, 256, (images, *shape)).astype(np.uint8)
    return {"train_x": pixels, "train_y": labels}
