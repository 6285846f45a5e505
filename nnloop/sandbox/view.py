"""The files that a candidate may see: what Python and the packages of a network need, and a scratch folder.

Nothing else of the machine is shown: no other package or Python, no data set, no home, no run folder. Python's modules
are shown by their names, so a folder that lies among them stays out of sight.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnloop.json_record import Record
from nnloop.sandbox import libraries, packages

SCRATCH = "/scratch"
_SYSTEM = ("/etc/ld.so.cache", "/etc/localtime", "/sys/devices/system/cpu")
_GPU_SYSTEM = ("/sys",)  # where the driver looks up its devices
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_OWN_ROOMS = ("training", "sandbox")  # of nnloop's code
_BESIDE_MODULES = {"__pycache__", "lib-dynload"}
_LEFT_OUT = {"tkinter", "_tkinter", "turtledemo", "idlelib", "ensurepip"}  # windows and installers


@dataclass(frozen=True, slots=True)
class View(Record):
    """The paths that a candidate may see, all absolute."""

    readable: list[str]  # folders and files, none of them a link
    links: list[str]  # symbolic links on the way to them
    listed: list[str]  # folders that hold them, whose names Python's import has to see
    hidden: list[str]  # paths below the readable ones that stay out of sight
    parts: list[str]  # the largest parts of the readable paths without anything hidden
    devices: list[str]  # readable and writable

    @property
    def gpu(self) -> bool:
        """Tell if there are devices of a GPU."""
        return any("nvidia" in device for device in self.devices)


def make_view(hidden: Sequence[str]) -> View:
    """Collect the files that Python, torch and the device driver need; `hidden` is cut out of their folders."""
    gpus = _gpu_devices()
    modules, loaded = _modules()
    shown, compiled = packages.find()
    machine = libraries.needed([sys.executable, *loaded, *compiled], gpu=bool(gpus))
    wanted = [*_SYSTEM, *(_GPU_SYSTEM if gpus else ()), *modules, *shown, *machine, *_own_code()]
    importing = [path for path in sys.path if path.endswith(("-packages", "lib-dynload")) or path in _stdlib()]
    links: dict[str, None] = {}
    real = [resolve(path, links) for path in wanted if os.path.exists(path)]
    readable = _outermost(real)
    masked = sorted({os.path.realpath(path) for path in hidden if os.path.exists(path)})
    masked = [path for path in masked if any(is_below(path, outer) and path != outer for outer in readable)]
    return View(
        readable=readable,
        links=[link for link in links if not any(is_below(link, outer) for outer in readable)],
        listed=sorted({os.path.dirname(path) for path in readable} & {os.path.realpath(path) for path in importing}),
        hidden=masked,
        parts=[part for path in readable for part in expand(path, masked)],
        devices=[path for path in (*_DEVICES, *gpus) if os.path.exists(path)],
    )


def _modules() -> tuple[list[str], list[str]]:
    """List the files and folders of the standard library, and its compiled modules."""
    shown = [path for folder in _stdlib() for path in _modules_in(folder)]
    compiled = [path for folder in sys.path if folder.endswith("lib-dynload") for path in _modules_in(folder)]
    zipped = [path for path in sys.path if path.endswith(".zip") and os.path.basename(path).startswith("python")]
    return [*shown, *zipped], compiled


def _stdlib() -> list[str]:
    return [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]


def _modules_in(folder: str) -> list[str]:
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if _is_module(name)]


def _is_module(name: str) -> bool:
    stem = name.partition(".")[0]
    known = name in _BESIDE_MODULES or stem in sys.stdlib_module_names or stem.startswith("_sysconfigdata")
    return known and stem not in _LEFT_OUT


def _own_code() -> list[str]:
    """List the parts of nnloop that run in a candidate's process."""
    package = Path(__file__).resolve().parents[1]
    return [*map(str, package.glob("*.py")), *(str(package / room) for room in _OWN_ROOMS)]


def _gpu_devices() -> list[str]:
    try:
        return [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith("nvidia")]
    except OSError:
        return []


def resolve(path: str, links: dict[str, None]) -> str:
    """Return the place of a file without symbolic links, and add the links on the way to `links`."""
    place = "/"
    waiting = os.path.abspath(path).split("/")[:0:-1]
    while waiting:  # the path exists, so its links do not lead in a circle
        name = waiting.pop()
        if name in ("", ".", ".."):
            place = os.path.dirname(place) if name == ".." else place
            continue
        place = os.path.join(place, name)
        if os.path.islink(place):
            links[place] = None
            target = os.readlink(place)
            waiting += target.split("/")[::-1]
            place = "/" if target.startswith("/") else os.path.dirname(place)
    return place


def _outermost(paths: Sequence[str]) -> list[str]:
    """Drop paths that lie below another."""
    outermost: dict[str, None] = {}
    for path in sorted(set(paths)):
        if _parents([path]).isdisjoint(outermost):
            outermost[path] = None
    return list(outermost)


def _parents(paths: Sequence[str]) -> set[str]:
    """Return the folders above the paths."""
    return {str(parent) for path in paths for parent in Path(path).parents}


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
