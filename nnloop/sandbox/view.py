"""Which files a candidate may see: Python's own and a scratch folder; no data set, no home, no run folder."""

import glob
import os
import site
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nnloop.records import Record

SCRATCH = "/scratch"
_DIGITS = os.path.join("sklearn", "datasets", "data")
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/sys/devices/system/cpu",
    "/opt/cuda",
)
_GPU_SYSTEM = ("/sys",)  # where the driver looks up its devices
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class View(Record):
    """Absolute paths. `hidden` lies below `readable` and wins over it; `parts` is what that leaves."""

    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    parts: tuple[str, ...]
    devices: tuple[str, ...]


def view(hidden: tuple[str, ...]) -> View:
    """Collect what Python, torch and the device driver need, less the folders that hold data sets."""
    gpus = _gpu_devices()
    wanted = (*_SYSTEM, *(_GPU_SYSTEM if gpus else ()), *_python_folders())
    readable = _outermost([path for path in wanted if os.path.exists(path)])
    secrets = [path for path in (*hidden, *_packaged_data_sets(readable)) if os.path.exists(path)]
    masked = tuple(sorted({os.path.realpath(path) for path in secrets}))
    devices = [path for path in (*_DEVICES, *gpus) if os.path.exists(path)]
    parts = tuple(part for path in readable for part in expand(path, masked))
    return View(tuple(readable), masked, parts, tuple(devices))


def _python_folders() -> list[str]:
    """Prefixes, installed packages and this package; not the folder a checkout lies in, which holds runs."""
    package = str(Path(__file__).resolve().parents[1])
    installed = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    return [sys.prefix, sys.base_prefix, *site.getsitepackages(), *installed, package]


def _packaged_data_sets(readable: list[str]) -> list[str]:
    """scikit-learn's copies of the digits: where this Python looks, and where another one of the machine would."""
    places = [os.path.join(path, _DIGITS) for path in (*sys.path, *site.getsitepackages())]
    for folder in (*readable, "/usr/local"):
        for packages in ("lib*/python3*/*-packages", "python3*/*-packages"):
            places += glob.glob(os.path.join(glob.escape(folder), packages, _DIGITS))
    return places


def _gpu_devices() -> list[str]:
    try:
        return [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("nvidia")]
    except OSError:
        return []


def _outermost(paths: list[str]) -> list[str]:
    """Drop what lies below another; links among the folders themselves (/lib -> usr/lib) stay links."""
    kept: list[str] = []
    for path in sorted({os.path.abspath(path) for path in paths}, key=len):
        if not any(is_below(path, outer) and not os.path.islink(path) for outer in kept):
            kept.append(path)
    return kept


def is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def expand(path: str, hidden: tuple[str, ...]) -> Iterator[str]:
    """Yield the largest parts of `path` that hold nothing hidden, for rules that can only allow."""
    real = os.path.realpath(path)
    if any(is_below(real, secret) for secret in hidden):
        return
    if not any(is_below(secret, real) for secret in hidden):
        yield path
        return
    try:
        children = sorted(os.listdir(real))
    except OSError:
        return
    for name in children:
        yield from expand(os.path.join(real, name), hidden)
