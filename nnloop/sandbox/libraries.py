"""The shared libraries that a Python and its packages need from the machine, found as the dynamic loader finds them."""

import glob
import mmap
import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CACHE = "/etc/ld.so.cache"
_FOLDERS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
_DRIVER = ("libcu*.so*", "libnv*.so*", "libnccl*.so*")
"""The libraries of the GPU's driver and toolkit, which are opened by name while a program runs."""
_NEEDED, _NAMES, _RPATH, _RUNPATH = 1, 5, 15, 29  # tags of a dynamic section
_LOAD, _DYNAMIC = 1, 2  # kinds of segments


def needed(files: Iterable[str], *, gpu: bool) -> list[str]:
    """List the libraries that these files need, the libraries' own needs included; with `gpu` also the driver's.

    A library that opens its relatives while it runs, as libmkl_core opens libmkl_avx2, is listed with them.
    """
    loader = _Loader()
    known = dict.fromkeys(loader.driver() if gpu else [])
    waiting = [*files, *known]
    while waiting:
        for path in loader.opened_by(waiting.pop()):
            if path not in known:
                known[path] = None
                waiting.append(path)
    return list(known)


def _cached() -> dict[str, str]:
    """Return the paths in the loader's cache by their names."""
    try:
        data = Path(_CACHE).read_bytes()
    except OSError:
        return {}
    paths = [os.fsdecode(path) for path in re.findall(rb"(/[^\0]+\.so[^/\0]*)\0", data)]
    return {os.path.basename(path): path for path in reversed(paths)}


@dataclass(slots=True)
class _Loader:
    """The dynamic loader's way of looking for a library."""

    cached: dict[str, str] = field(default_factory=_cached)
    first: list[str] = field(default_factory=lambda: os.environ.get("LD_LIBRARY_PATH", "").split(":"))
    listed: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # of the folders that were looked into

    def opened_by(self, file: str) -> Iterator[str]:
        """Yield the libraries that a file needs, and their relatives beside them."""
        names, runpath = _dynamic(file)
        own = [folder.replace("$ORIGIN", os.path.dirname(file)) for folder in runpath]
        for name in names:
            path = self._locate(name, own)
            if path:
                yield path
                folder, base = os.path.split(path)
                stem = re.split(r"[_.-]", base)[0]
                yield from (os.path.join(folder, relative) for relative in self._families(folder).get(stem, ()))

    def driver(self) -> list[str]:
        """List the libraries of the GPU's driver and toolkit."""
        folders = {*filter(None, self.first), *_FOLDERS, *map(os.path.dirname, self.cached.values())}
        return [path for folder in sorted(folders) for name in _DRIVER for path in glob.glob(f"{folder}/{name}")]

    def _families(self, folder: str) -> dict[str, list[str]]:
        """Return the names of a folder's libraries that have an underscore, by the part before it."""
        if folder not in self.listed:
            families = self.listed[folder] = {}
            for name in os.listdir(folder):
                if ".so" in name and "_" in name:
                    families.setdefault(name.partition("_")[0], []).append(name)
        return self.listed[folder]

    def _locate(self, name: str, own: Sequence[str]) -> str | None:
        before = [os.path.join(folder, name) for folder in (*own, *self.first) if folder]
        after = [os.path.join(folder, name) for folder in _FOLDERS]
        return next((path for path in (*before, self.cached.get(name, ""), *after) if os.path.exists(path)), None)


def _dynamic(file: str) -> tuple[list[str], list[str]]:
    """Return the names of the libraries that an ELF file of 64 bits needs, and the folders to look in first."""
    try:
        with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
                return [], []
            return _read_dynamic(data)
    except (OSError, ValueError, struct.error):
        return [], []


def _read_dynamic(data: mmap.mmap) -> tuple[list[str], list[str]]:
    start, (size, count) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQ", data, start + size * at) for at in range(count)]
    loaded = [(address, offset) for kind, _, offset, address, _, _ in segments if kind == _LOAD]
    names: list[int] = []
    runpath: list[int] = []
    table = 0
    for kind, _, offset, _, _, length in segments:
        if kind != _DYNAMIC:
            continue
        for tag, value in struct.iter_unpack("<QQ", data[offset : offset + length // 16 * 16]):
            if tag == _NEEDED:
                names.append(value)
            elif tag in (_RPATH, _RUNPATH):
                runpath.append(value)
            elif tag == _NAMES:
                address, at = max(pair for pair in loaded if pair[0] <= value)
                table = at + value - address
    folders = [folder for at in runpath for folder in _text(data, table + at).split(":")]
    return [_text(data, table + at) for at in names], folders


def _text(data: mmap.mmap, at: int) -> str:
    return os.fsdecode(data[at : data.find(b"\0", at)])
