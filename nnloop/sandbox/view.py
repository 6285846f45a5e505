"""The files that a candidate may see: Python's own and a scratch folder; no data set, no home, no run folder."""

import glob
import os
import site
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnloop.json_record import Record

SCRATCH = "/scratch"
_DIGITS = os.path.join("sklearn", "datasets", "data")
_LIBRARIES = ("/usr", "/lib", "/lib64", "/bin", "/opt/cuda")
_SYSTEM = (*_LIBRARIES, "/etc/ld.so.cache", "/etc/localtime", "/sys/devices/system/cpu")
_GPU_SYSTEM = ("/sys",)  # where the driver looks up its devices
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class View(Record):
    """The paths that a candidate may see, all absolute."""

    readable: list[str]  # folders and files
    hidden: list[str]  # paths below them that stay out of sight
    parts: list[str]  # the largest parts of the readable paths without anything hidden
    devices: list[str]  # readable and writable


def make_view(hidden: Sequence[str]) -> View:
    """Collect the files that Python, torch and the device driver need; hide `hidden` and folders of data sets."""
    gpus = _gpu_devices()
    wanted = (*_SYSTEM, *(_GPU_SYSTEM if gpus else ()), *_python_folders())
    readable = _outermost([path for path in wanted if os.path.exists(path)])
    secrets = [path for path in (*hidden, *_packaged_data_sets(readable)) if os.path.exists(path)]
    masked = sorted({os.path.realpath(path) for path in secrets})
    devices = [path for path in (*_DEVICES, *gpus) if os.path.exists(path)]
    parts = [part for path in readable for part in expand(path, masked)]
    return View(readable=readable, hidden=masked, parts=parts, devices=devices)


def _python_folders() -> list[str]:
    """List Python's prefixes, the installed packages and this package, but not a checkout's folder, which has runs."""
    package = str(Path(__file__).resolve().parents[1])
    installed = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    return [sys.prefix, sys.base_prefix, *site.getsitepackages(), *installed, package]


def _packaged_data_sets(readable: list[str]) -> list[str]:
    """List scikit-learn's copies of the digits, for this Python and for others on the machine."""
    paths = [os.path.join(path, _DIGITS) for path in (*sys.path, *site.getsitepackages())]
    for folder in (*readable, "/usr/local"):
        for packages in ("lib*/python3*/*-packages", "python3*/*-packages"):
            paths += glob.glob(os.path.join(glob.escape(folder), packages, _DIGITS))
    return paths


def _gpu_devices() -> list[str]:
    try:
        return [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("nvidia")]
    except OSError:
        return []


def _outermost(paths: list[str]) -> list[str]:
    """Drop paths that lie below another; links among the folders themselves (/lib -> usr/lib) stay links."""
    outermost: list[str] = []
    for path in sorted({os.path.abspath(path) for path in paths}, key=len):
        if not any(is_below(path, outer) and not os.path.islink(path) for outer in outermost):
            outermost.append(path)
    return outermost


def is_below(path: str, folder: str) -> bool:
    """Tell if an absolute path is the folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def expand(path: str, hidden: Sequence[str]) -> Iterator[str]:
    """Yield the largest parts of `path` without anything hidden, for rules that can only allow."""
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
