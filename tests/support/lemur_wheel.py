"""The wheel of nn-dataset that has LEMUR's networks and statistics, taken as data: nothing of it is installed."""

import subprocess
import sys
from pathlib import Path

from smollm2 import HOME

WHEEL = "nn-dataset==2.1.2"


def lemur() -> Path:
    """The wheel, 103 MB, downloaded once; it stays in the folder of the long tests' models."""
    folder = HOME / WHEEL
    if not sorted(folder.glob("*.whl")):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
        subprocess.run(command, check=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    return wheel
