"""Raw files: fetched, checked and unpacked to where torchvision's classes look for them."""

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnloop.data.fetch import FetchError, fetch, md5_of
from nnloop.data.lock import held
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings


@dataclass(frozen=True, slots=True)
class Archive:
    """One published file. Paths are relative to the folder that torchvision's class calls root.

    `gives` are the files and folders that unpacking it leaves; empty where it is read as it is. `instead` serves as
    well as the archive.
    """

    path: str
    urls: tuple[str, ...]
    md5: str
    gives: tuple[str, ...] = ()
    instead: str | None = None

    def there(self, root: Path) -> bool:
        """Whether what is read lies below root."""
        if self.instead is not None and (root / self.instead).is_dir():
            return True
        return all((root / path).exists() for path in self.gives or (self.path,))


def provide(settings: DatasetSettings, root: Path, archives: Sequence[Archive]) -> None:
    """See to it that the raw files lie below `root`: unpack what is there, download what is not.

    A folder that the user gave is never downloaded into. Raises DatasetError: what is missing, why, and the remedy.
    """
    if all(archive.there(root) for archive in archives):
        return
    if settings.root is not None:
        _check_given(settings, root, archives)
    try:
        with held(root / ".nnloop.lock") as locked:
            for archive in archives:
                _provide(settings, root, archive, locked)
    except FetchError as error:
        missing = [archive for archive in archives if not archive.there(root)]
        raise DatasetError(
            f"dataset={settings.name}: can't be downloaded ({error}); "
            f"{_remedy(settings, root, missing)}, or name a mirror with dataset.mirror=<address>"
        ) from None
    except OSError as error:
        raise DatasetError(
            f"{_setting(settings)}: {error.filename or root} can't be written ({error.strerror or error}); free some "
            f"room or make it writable, or give dataset.root=<folder with the raw files>"
        ) from None


def _check_given(settings: DatasetSettings, root: Path, archives: Sequence[Archive]) -> None:
    """Raises DatasetError where the folder that the user gave lacks something."""
    if not root.is_dir():
        raise DatasetError(f"{_setting(settings)}: {root}: no such folder; {_remedy(settings, root, archives)}")
    missing = [archive for archive in archives if not archive.there(root) and not (root / archive.path).is_file()]
    if missing:
        raise DatasetError(f"{_setting(settings)}: {_missing(missing[0], root)}; {_remedy(settings, root, missing)}")


def _provide(settings: DatasetSettings, root: Path, archive: Archive, locked: bool) -> None:
    if archive.there(root):
        return
    path = root / archive.path
    md5 = archive.md5 if settings.verify else None
    if not path.is_file():
        fetch(_addresses(settings, archive), path, md5, locked)
    elif md5 is not None:
        check_md5(settings, path, md5)
    if archive.gives:
        _unpack(settings, path, root, archive)


def check_md5(settings: DatasetSettings, path: Path, md5: str) -> None:
    """Raises DatasetError where a file is not the published one."""
    found = md5_of(path)
    if found != md5:
        raise DatasetError(
            f"{_setting(settings)}: {path} is damaged or another file (its MD5 is {found}, {md5} is published); "
            "delete it and fetch it again, or take it as it is with dataset.verify=false"
        )


def _addresses(settings: DatasetSettings, archive: Archive) -> tuple[str, ...]:
    if settings.mirror is None:
        return archive.urls
    return (f"{settings.mirror.rstrip('/')}/{Path(archive.path).name}",)


def _unpack(settings: DatasetSettings, path: Path, root: Path, archive: Archive) -> None:
    """Unpack beside the place and move it there, so that half an archive is never met."""
    draft = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=root))
    try:
        if path.suffix == ".gz" and not path.name.endswith(".tar.gz"):
            (draft / archive.gives[0]).parent.mkdir(parents=True)
            with gzip.open(path) as packed, (draft / archive.gives[0]).open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        else:
            with tarfile.open(path) as tar:
                tar.extractall(draft, filter="data")
        for given in archive.gives:
            (root / given).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / given, root / given)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(
            f"{_setting(settings)}: {path} can't be unpacked ({type(error).__name__}: {error}); delete it and fetch it "
            "again"
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _missing(archive: Archive, root: Path) -> str:
    there = next((path for path in archive.gives if not (root / path).exists()), archive.path)
    return f"{root} holds neither {there} nor {archive.path}" if archive.gives else f"{root} holds no {archive.path}"


def _remedy(settings: DatasetSettings, root: Path, archives: Sequence[Archive]) -> str:
    """What to place where by hand."""
    names = ", ".join(f"{archive.path} (from {archive.urls[0]})" for archive in archives)
    return f"put there, or unpacked: {names}" if settings.root else f"put into {root}, as they are: {names}"


def _setting(settings: DatasetSettings) -> str:
    return f"dataset.root={'null' if settings.root is None else settings.root}"
