"""Datasets that are published as JPEGs: Imagenette and CelebA. Images are read only when they are needed."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike

from nnloop.data.archives import ArchiveFile, check_md5
from nnloop.data.dataset import Part, Pixels, Raw
from nnloop.data.kaggle import face, kaggle_folder, read_faces
from nnloop.data.official import official
from nnloop.data.pixels import decode
from nnloop.data.survey import is_hidden
from nnloop.settings import DatasetSettings, ImagenetteSettings, known

DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"
FACES = "celeba/img_align_celeba"
Open = Callable[[str], IO[bytes]]


def imagenette_archives(settings: DatasetSettings) -> tuple[ArchiveFile, ...]:
    """Return the archive of Imagenette in the resolution that the settings name."""
    url, md5 = official("Imagenette")._ARCHIVES[_resolution(settings)]
    name = url.rsplit("/", 1)[1]
    folder = name.removesuffix(".tgz")
    return (ArchiveFile(name, urls=(url,), md5=md5, unpacked=(f"{folder}/train", f"{folder}/val")),)


def read_imagenette(settings: DatasetSettings, root: Path) -> Raw:
    """Read the folders of JPEGs. The official `val` is the test set here."""

    def part(split: str) -> Part:
        images = official("Imagenette")(str(root), split=split, size=_resolution(settings))
        whole = [(name, label) for name, label in images._samples if not is_hidden(Path(name).name)]
        names, labels = zip(*whole, strict=True)
        return _part(names, labels, open_image=lambda name: Path(name).open("rb"), settings=settings)

    return Raw(part("train"), part("val"))


def celeba_archives(settings: DatasetSettings) -> tuple[ArchiveFile, ...]:
    """Return CelebA's zip of aligned faces and its texts; a folder of unpacked faces can replace the zip.

    In Kaggle's form there are none.
    """
    if kaggle_folder(settings) is not None:
        return ()
    return tuple(
        ArchiveFile(
            f"celeba/{name}", urls=(DRIVE.format(key),), md5=md5, folder=FACES if name.endswith(".zip") else None
        )
        for key, md5, name in official("CelebA").file_list
    )


def read_celeba(settings: DatasetSettings, root: Path) -> Raw:
    """Read the official parts with the attribute Male as label: 0 is female, 1 is male.

    torchvision's class reads the texts. The JPEGs are read from the zip if there is one: unpacking 202,599 files takes
    long and exceeds file quotas on clusters.
    """
    unpacked = kaggle_folder(settings)
    if unpacked is not None:
        return _read_kaggle(settings, unpacked)
    open_image = _open_faces(settings, root)
    kind = _celeba_class(settings.verify)

    def part(split: str) -> Part:
        faces = kind(str(root), split=split)
        male = faces.attr[:, faces.attr_names.index("Male")].numpy()
        return _part(faces.filename, male, open_image=open_image, settings=settings)

    return Raw(part("train"), part("test"), part("valid"))


def _read_kaggle(settings: DatasetSettings, folder: Path) -> Raw:
    parts = {
        part: _part(faces.names, faces.male, open_image=lambda name: face(folder, name).open("rb"), settings=settings)
        for part, faces in read_faces(folder).items()
    }
    return Raw(parts["train"], parts["test"], parts["valid"])


def _part(names: Sequence[str], labels: ArrayLike, *, open_image: Open, settings: DatasetSettings) -> Part:
    return Part(
        np.asarray(labels, dtype=np.int64),
        lambda indices: np.stack([_decoded(names[index], open_image, settings) for index in indices]),
    )


def _decoded(name: str, open_image: Open, settings: DatasetSettings) -> Pixels:
    """Return one image's pixels. Raises ValueError that names the image."""
    try:
        with open_image(name) as file:
            return decode(file, channels=3, size=known(settings.size), fit=settings.fit)
    except (OSError, ValueError, KeyError, SyntaxError, zipfile.BadZipFile) as error:
        raise ValueError(f"image {name}: {error}") from None


def _open_faces(settings: DatasetSettings, root: Path) -> Open:
    packed = root / f"{FACES}.zip"
    if not packed.is_file():
        return lambda name: (root / FACES / name).open("rb")
    (archive,) = (archive for archive in celeba_archives(settings) if archive.path.endswith(".zip"))
    if settings.verify:
        check_md5(settings, packed, archive.md5)
    zipped = zipfile.ZipFile(packed)  # safe to read from several threads
    return lambda name: io.BytesIO(zipped.read(f"img_align_celeba/{name}"))


def _celeba_class(verify: bool) -> Any:
    """Return torchvision's class, changed to accept the zip instead of the unpacked images."""
    kind = official("CelebA")
    from torchvision.datasets.utils import check_integrity

    def texts_are_whole(faces: Any) -> bool:
        folder = Path(faces.root) / faces.base_folder
        texts = ((md5, name) for _, md5, name in faces.file_list if name.endswith(".txt"))
        return all(check_integrity(folder / name, md5 if verify else None) for md5, name in texts)

    return type("ZippedCelebA", (kind,), {"_check_integrity": texts_are_whole})


def _resolution(settings: DatasetSettings) -> str:
    return settings.archive if isinstance(settings, ImagenetteSettings) else "320px"
