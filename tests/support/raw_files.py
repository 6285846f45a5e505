"""Archives in the formats in which the six datasets are published, of as few images as a test wants.

Image i of a part has the label i modulo the classes, and the grey value (7 i) modulo 256 all over, so that a test can
tell whether an image kept its label. JPEGs may be off by a little.
"""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from archive_server import Served

from nnloop.data import Dataset
from nnloop.settings import DatasetSettings, Settings

SHAPES = {
    "cifar10": (3, 32, 32),
    "cifar100": (3, 32, 32),
    "mnist": (1, 28, 28),
    "svhn": (3, 32, 32),
    "imagenette": (3, 128, 128),
    "celeba": (3, 64, 64),
}
TRAIN, TEST, VAL = 200, 100, 20  # images in the archives that tests share
TEXTS = ("identity_CelebA.txt", "list_bbox_celeba.txt", "list_landmarks_align_celeba.txt")
WNIDS = ["n01440764", "n02102040", "n02979186", "n03000684", "n03028079"]
WNIDS += ["n03394916", "n03417042", "n03425413", "n03445777", "n03888257"]
CLASSES = {"cifar10": 10, "cifar100": 100, "mnist": 10, "svhn": 10, "imagenette": 10, "celeba": 2}


class Prepared(NamedTuple):
    """A dataset with its settings, its cache and the files that were asked for."""

    settings: DatasetSettings
    dataset: Dataset
    cache: Path
    asked: list[str]


def mirrored(configure: Callable[..., Settings], name: str, served: Served, *more: str) -> DatasetSettings:
    """Return the settings of a dataset whose archives a local server gives."""
    return configure(f"dataset={name}", f"dataset.mirror={served.address}", "dataset.verify=false", *more).dataset


def placed(name: str, published: Path, root: Path) -> Path:
    """Link a dataset's archives into a root, as a user would put them there, and return the folder they lie in."""
    inside = root / {"mnist": "MNIST/raw", "celeba": "celeba"}.get(name, ".")
    inside.mkdir(parents=True)
    for file in published.iterdir():
        (inside / file.name).symlink_to(file)
    return inside


def write_cifar(root: Path, per_batch: int = 20) -> Path:
    """Write files in CIFAR-10's format; the first pixel of each image is its number."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        pixels = np.zeros((per_batch, 3072), dtype=np.uint8)
        pixels[:, 0] = np.arange(per_batch) + number * per_batch
        batch = {"data": pixels, "labels": [i % 10 for i in range(per_batch)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    return folder


def unverified_cifar(configure: Callable[..., Settings], root: Path) -> DatasetSettings:
    """Return the settings of write_cifar's files."""
    return configure("dataset=cifar10", f"dataset.root={root}", "dataset.verify=false").dataset


def publish(name: str, folder: Path, train: int = 100, test: int = 20, val: int = 10, noise: bool = False) -> Path:
    """Write the archives of a dataset into a folder and return it. `noise`: random pixels, for benchmarks."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"cifar10": _cifar10, "cifar100": _cifar100, "mnist": _mnist, "svhn": _svhn, "imagenette": _imagenette}
    if name == "celeba":
        _celeba(folder, (train, val, test), noise)
    else:
        makers[name](folder, train, test, noise)
    return folder


def grey(index: Any) -> Any:
    return (7 * index) % 256


def images(count: int, *shape: int, noise: bool) -> np.ndarray:
    if noise:
        return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    values = grey(np.arange(count)).astype(np.uint8)
    return np.broadcast_to(values.reshape(-1, *[1] * len(shape)), (count, *shape)).copy()


def labels(count: int, classes: int) -> list[int]:
    return [index % classes for index in range(count)]


def jpeg(index: int, width: int, height: int, mode: str = "RGB") -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new(mode, (width, height), grey(index) if mode == "L" else (grey(index),) * 3).save(out, "JPEG", quality=95)
    return out.getvalue()


def noisy_jpegs(count: int, width: int, height: int) -> list[bytes]:
    """Smooth random pictures: of about the size and the cost of photographs."""
    from PIL import Image

    rng, pictures = np.random.default_rng(0), []
    for _ in range(count):
        out = io.BytesIO()
        small = Image.fromarray(rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=75)
        pictures.append(out.getvalue())
    return pictures


def _cifar10(folder: Path, train: int, test: int, noise: bool) -> None:
    pixels, numbers = images(train, 3072, noise=noise), labels(train, 10)
    fifth = train // 5
    parts = {
        f"data_batch_{i + 1}": {"data": pixels[i * fifth :][:fifth], "labels": numbers[i * fifth :][:fifth]}
        for i in range(5)
    }
    parts["test_batch"] = {"data": images(test, 3072, noise=noise), "labels": labels(test, 10)}
    _pickles(folder, "cifar-10", {**parts, "batches.meta": {"label_names": [str(i) for i in range(10)]}})


def _cifar100(folder: Path, train: int, test: int, noise: bool) -> None:
    parts: dict[str, Any] = {
        name: {"data": images(count, 3072, noise=noise), "fine_labels": labels(count, 100)}
        for name, count in (("train", train), ("test", test))
    }
    _pickles(folder, "cifar-100", {**parts, "meta": {"fine_label_names": [str(i) for i in range(100)]}})


def _pickles(folder: Path, name: str, parts: dict[str, Any]) -> None:
    inner = "cifar-10-batches-py" if name == "cifar-10" else "cifar-100-python"
    with tarfile.open(folder / f"{name}-python.tar.gz", "w:gz", compresslevel=1) as tar:
        for part, content in parts.items():
            _add(tar, f"{inner}/{part}", pickle.dumps(content))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _mnist(folder: Path, train: int, test: int, noise: bool) -> None:
    for part, count in (("train", train), ("t10k", test)):
        pixels = images(count, 28, 28, noise=noise).tobytes()
        numbers = np.array(labels(count, 10), dtype=np.uint8).tobytes()
        _gz(folder / f"{part}-images-idx3-ubyte.gz", struct.pack(">IIII", 2051, count, 28, 28) + pixels)
        _gz(folder / f"{part}-labels-idx1-ubyte.gz", struct.pack(">II", 2049, count) + numbers)


def _gz(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 1))


def _svhn(folder: Path, train: int, test: int, noise: bool) -> None:
    from scipy.io import savemat

    for part, count in (("train", train), ("test", test), ("extra", 30)):
        pixels = images(count, 32, 32, 3, noise=noise).transpose(1, 2, 3, 0)
        numbers = np.array([number or 10 for number in labels(count, 10)], dtype=np.uint8)[:, None]
        savemat(folder / f"{part}_32x32.mat", {"X": pixels, "y": numbers}, do_compression=True)


def _imagenette(folder: Path, train: int, test: int, noise: bool) -> None:
    pictures = noisy_jpegs(64, 427, 320) if noise else []
    with tarfile.open(folder / "imagenette2-320.tgz", "w:gz", compresslevel=1) as tar:
        for part, count in (("train", train), ("val", test)):
            for index in range(count):
                plain = () if noise else (index, 200, 150, "L" if index % 7 == 0 else "RGB")
                content = pictures[index % 64] if noise else jpeg(*plain)
                _add(tar, f"imagenette2-320/{part}/{WNIDS[index % 10]}/{index:05}.JPEG", content)


def _celeba(folder: Path, sizes: tuple[int, int, int], noise: bool) -> None:
    pictures = noisy_jpegs(64, 178, 218) if noise else []
    parts = [part for part, size in enumerate(sizes) for _ in range(size)]
    own = [index for size in sizes for index in range(size)]  # number within the part
    names = [f"{number:06}.jpg" for number in range(1, len(parts) + 1)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as zipped:
        for name, index in zip(names, own, strict=True):
            content = pictures[index % 64] if noise else jpeg(index, 178, 218)
            zipped.writestr(f"img_align_celeba/{name}", content)
    _text(folder / "list_eval_partition.txt", [f"{name} {part}" for name, part in zip(names, parts, strict=True)])
    other = " ".join(["-1"] * 38)
    rows = [f"{name} -1 {1 if index % 2 else -1}  {other}" for name, index in zip(names, own, strict=True)]
    head = " ".join(["5_o_Clock_Shadow", "Male", *(f"Attribute_{i}" for i in range(38))])
    _text(folder / "list_attr_celeba.txt", [str(len(names)), head, *rows])
    _text(folder / TEXTS[0], [f"{name} 1" for name in names])
    _text(folder / TEXTS[1], [str(len(names)), "image_id x_1 y_1 width height", *(f"{name} 1 2 3 4" for name in names)])
    points = " ".join(str(i) for i in range(10))
    _text(folder / TEXTS[2], [str(len(names)), points, *(f"{name} {points}" for name in names)])


def _text(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")
