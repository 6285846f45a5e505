"""Time to prepare each dataset, its cache, and what a second start costs. Nothing is downloaded.

    python tests/bench/bench_data.py [names] [--share 0.1]

Archives of the official formats and, by share, of the official sizes are made of random pictures first. Each step is
measured in a process of its own: from the archives to the cache, then a start that finds it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).resolve().parents[1] / "support"
CONF = Path(__file__).resolve().parents[2] / "conf"
SIZES = {
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "mnist": (60_000, 10_000),
    "svhn": (73_257, 26_032),
    "imagenette": (9_469, 3_925),
    "celeba": (162_770, 19_962, 19_867),
}
INSIDE = {"mnist": "MNIST/raw", "celeba": "celeba"}  # where a dataset's archives lie below root


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SIZES))
    parser.add_argument("--share", type=float, default=0.1, help="of the official number of images")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(_STEPS[options.step](*options.names)))
        return
    print(
        f"{'dataset':<11} {'images':>8} {'prepare s':>10} {'peak MB':>8} {'cache MB':>9} {'start s':>8} {'batch s':>8}"
    )
    for name in options.names:
        print(row(name, measure(name, [max(200, round(size * options.share)) for size in SIZES[name]])), flush=True)


def row(name: str, found: dict[str, Any]) -> str:
    return (
        f"{name:<11} {found['images']:>8,} {found['prepare_s']:>10.2f} {found['peak_mb']:>8,.0f} "
        f"{found['cache_mb']:>9,.1f} {found['start_s']:>8.3f} {found['batch_s']:>8.3f}"
    )


def measure(name: str, sizes: list[int]) -> dict[str, Any]:
    """Make the archives, prepare them, start again."""
    sys.path.insert(0, str(SUPPORT))
    from raw_files import publish

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "raw"
        publish(name, root / INSIDE.get(name, "."), *sizes, noise=True)
        environment = {**os.environ, "NNLOOP_CACHE": str(Path(folder) / "cache")}

        def step(which: str) -> dict[str, Any]:
            command = [sys.executable, __file__, "--step", which, name, str(root)]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        first = step("prepare")
        files = (Path(folder) / "cache" / "prepared").rglob("*.npy")
        cache = sum(file.stat().st_size for file in files)
        return {"images": sum(sizes), **first, **step("start"), "cache_mb": cache / 1e6}


def _load(name: str, root: str) -> Any:
    from hydra import compose, initialize_config_dir

    from nnloop.settings.load import load

    with initialize_config_dir(str(CONF), version_base="1.3"):
        return load(compose("config", [f"dataset={name}", f"dataset.root={root}", "dataset.verify=false"]))


def prepare(name: str, root: str) -> dict[str, float]:
    """From the archives to the cache; the import of torchvision is part of it."""
    from nnloop import data

    settings = _load(name, root)
    started = time.perf_counter()
    data.load(settings.dataset)
    seconds = time.perf_counter() - started
    return {"prepare_s": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def start(name: str, root: str) -> dict[str, float]:
    """A start that finds the cache, and the first training batch, torch imported before."""
    settings = _load(name, root)
    started = time.perf_counter()
    from nnloop import data

    dataset = data.load(settings.dataset)
    seconds = time.perf_counter() - started
    return {"start_s": seconds, "batch_s": _first_batch(settings, dataset)}


def _first_batch(settings: Any, dataset: Any) -> float:
    import warnings

    import torch

    from nnloop.training.images import Normalise, TrainBatches, TrainImages
    from nnloop.training.recipe import build_recipe

    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    started = time.perf_counter()
    images = TrainImages(*(torch.from_numpy(array) for array in (dataset.train_x, dataset.train_y)))
    plan = build_recipe(settings.dataset, settings.proxy, epochs=1, images=len(images.y))
    normalise = Normalise(plan, torch.device("cpu"), torch.channels_last)
    next(iter(TrainBatches(images, plan, normalise, seed=0)))
    return time.perf_counter() - started


_STEPS = {"prepare": prepare, "start": start}

if __name__ == "__main__":
    main()
