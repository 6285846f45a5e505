"""The files of the packages that a candidate may import, and of nothing that lies beside them."""

import csv
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement

IMPORTABLE = ("torch", "torchvision", "numpy", "einops", "lightning", "omegaconf", "safetensors")
"""Four packages that networks are written with, and those by which nnloop trains them: Lightning, which imports
omegaconf for a checkpoint if it is installed, and safetensors. The packages that these require come along."""
_WHOLE = (".dist-info", ".egg-info", ".libs")  # folders of one package that are none themselves


def find(names: Sequence[str] = IMPORTABLE) -> tuple[list[str], list[str]]:
    """List the files and folders of the installed packages, and the shared libraries among their files."""
    shown: list[str] = []
    libraries: list[str] = []
    for installed in _with_requirements(names):
        base = os.path.realpath(str(installed.locate_file("")))
        paths = _recorded(installed)
        shown += [os.path.join(base, entry) for entry in _entries(paths)]
        libraries += [os.path.join(base, path) for path in paths if _is_library(path)]
    for name in names:  # a checkout, or a package whose installer kept no list
        for place in _places(name):
            if not any(place == path or place.startswith(path + "/") for path in shown):
                shown.append(place)
                libraries += _libraries_below(place)
    return shown, libraries


def _with_requirements(names: Sequence[str]) -> list[Distribution]:
    """List the installed distributions of these names, and all that they require on this machine."""
    installed: dict[str, Distribution | None] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in installed:
            continue
        try:
            installed[name] = distribution(name)
        except PackageNotFoundError:
            installed[name] = None
            continue
        waiting += _required(distribution(name))
    return [each for each in installed.values() if each is not None]


def _required(installed: Distribution) -> Iterator[str]:
    for line in installed.requires or []:
        if re.search(r"\bextra\b *==", line):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement.name


def _recorded(installed: Distribution) -> list[str]:
    """List the installed files, relative to the packages' folder; scripts outside of it are left out."""
    record = installed.read_text("RECORD")
    if record is None:
        paths = [str(path) for path in installed.files or []]
    else:
        paths = [row[0] for row in csv.reader(record.splitlines()) if row]
    return [path for path in paths if not path.startswith(("/", "..")) and not path.endswith(".pth")]


def _entries(paths: Sequence[str]) -> set[str]:
    """Return a folder for each package, and the single files; of a folder that packages share, only the parts named."""
    packages = {path.partition("/")[0] for path in paths if path.count("/") == 1 and "/__init__." in path}
    entries = set()
    for path in paths:
        first, *rest = path.split("/", 2)
        whole = not rest or first in packages or first.endswith(_WHOLE)
        entries.add(first if whole else f"{first}/{rest[0]}")
    return entries


def _places(name: str) -> list[str]:
    """Return the folders or the file from which a package would be imported."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    files = [spec.origin] if spec.has_location and spec.origin else []
    return [os.path.realpath(path) for path in spec.submodule_search_locations or files]


def _libraries_below(place: str) -> Iterator[str]:
    for folder, _, names in os.walk(place):
        yield from (os.path.join(folder, name) for name in names if _is_library(name))


def _is_library(path: str) -> bool:
    return ".so" in os.path.basename(path)
