"""Raw files: fetched, checked and unpacked into the folders where torchvision's classes look for them."""

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
from nnloop.data.lock import acquire
from nnloop.errors import DatasetError
from nnloop.settings import DatasetSettings


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One published file. Paths are relative to the folder that torchvision's class calls root."""

    path: str
    urls: tuple[str, ...]
    md5: str
    unpacked: tuple[str, ...] = ()  # the files and folders in it; empty if the file itself is read
    folder: str | None = None  # a folder that can replace the file

    def is_present(self, root: Path) -> bool:
        """Return whether the files to be read are below `root`."""
        if self.folder is not None and (root / self.folder).is_dir():
            return True
        return all((root / path).exists() for path in self.unpacked or (self.path,))


def provide(settings: DatasetSettings, root: Path, archives: Sequence[ArchiveFile]) -> None:
    """Make sure that the raw files are below `root`: download missing archives and unpack them.

    Nothing is downloaded into a folder that the user gave. Raises DatasetError, which names the missing file, the
    reason and the remedy.
    """
    if all(archive.is_present(root) for archive in archives):
        return
    if settings.root is not None:
        _check_given(settings, root, archives)
    try:
        with acquire(root / ".nnloop.lock") as exclusive:
            for archive in archives:
                if not archive.is_present(root):
                    _provide(settings, root, archive, exclusive=exclusive)
    except FetchError as error:
        missing = [archive for archive in archives if not archive.is_present(root)]
        raise DatasetError(
            f"dataset={settings.name}: can't be downloaded ({error}); "
            f"{_remedy(settings, root, missing)}, or name a mirror with dataset.mirror=<address>"
        ) from None
    except OSError as error:
        raise root_error(
            settings,
            f"{error.filename or root} can't be written ({error.strerror or error}); free some "
            f"room or make it writable, or give dataset.root=<folder with the raw files>",
        ) from None


def root_error(settings: DatasetSettings, problem: str) -> DatasetError:
    """Return the error of a problem with the raw files; its message begins with dataset.root."""
    return DatasetError(f"dataset.root={'null' if settings.root is None else settings.root}: {problem}")


def _check_given(settings: DatasetSettings, root: Path, archives: Sequence[ArchiveFile]) -> None:
    """Raise DatasetError if the folder that the user gave lacks something."""
    missing = [each for each in archives if not each.is_present(root) and not (root / each.path).is_file()]
    if missing:
        reason = _missing(missing[0], root) if root.is_dir() else f"{root}: no such folder"
        raise root_error(settings, f"{reason}; {_remedy(settings, root, missing)}")


def _provide(settings: DatasetSettings, root: Path, archive: ArchiveFile, *, exclusive: bool) -> None:
    path = root / archive.path
    md5 = archive.md5 if settings.verify else None
    if not path.is_file():
        mirrored = (f"{(settings.mirror or '').rstrip('/')}/{path.name}",)
        fetch(archive.urls if settings.mirror is None else mirrored, path, md5=md5, exclusive=exclusive)
    elif md5 is not None:
        check_md5(settings, path, md5)
    if archive.unpacked:
        _unpack(settings, root, archive)


def check_md5(settings: DatasetSettings, path: Path, md5: str) -> None:
    """Raise DatasetError if a file is not the published one."""
    actual = md5_of(path)
    if actual != md5:
        raise root_error(
            settings,
            f"{path} is damaged or another file (its MD5 is {actual}, {md5} is published); "
            "delete it and fetch it again, or take it as it is with dataset.verify=false",
        )


def _unpack(settings: DatasetSettings, root: Path, archive: ArchiveFile) -> None:
    """Unpack into a draft and move its parts into place, so that no process finds half an archive."""
    path = root / archive.path
    draft = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=root))
    try:
        if path.suffix == ".gz" and not path.name.endswith(".tar.gz"):
            (draft / archive.unpacked[0]).parent.mkdir(parents=True)
            with gzip.open(path) as packed, (draft / archive.unpacked[0]).open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        else:
            with tarfile.open(path) as tar:
                tar.extractall(draft, filter="data")
        for part in archive.unpacked:
            (root / part).parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft / part, root / part)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError, NotADirectoryError) as error:
        raise root_error(
            settings, f"{path} can't be unpacked ({type(error).__name__}: {error}); delete it and fetch it again"
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _missing(archive: ArchiveFile, root: Path) -> str:
    part = next((path for path in archive.unpacked if not (root / path).exists()), archive.path)
    return f"{root} holds neither {part} nor {archive.path}" if archive.unpacked else f"{root} holds no {archive.path}"


def _remedy(settings: DatasetSettings, root: Path, archives: Sequence[ArchiveFile]) -> str:
    """Say which files to put into which folder by hand."""
    names = ", ".join(f"{archive.path} (from {archive.urls[0]})" for archive in archives)
    return f"put there, or unpacked: {names}" if settings.root else f"put into {root}, as they are: {names}"
