"""LEMUR's side of against_lemur.py: times one network in the environment that LEMUR is installed in.

    python lemur_peer.py check|fair NETWORK.py TRANSFORM

`check` is the public check_nn(), `fair` the trainer's train_n_eval() alone. The working directory is LEMUR's root: it
holds data/cifar-10-batches-py. One thread, no loader workers. Prints one JSON line; imports are not timed. `accepted`
says whether the accuracy was enough for LEMUR: 1.2 times that of guessing.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

PRM = {"lr": 0.01, "momentum": 0.9, "dropout": 0.2, "batch": 64, "epoch": 1, "num_workers": 0}
CONFIG = ("img-classification", "cifar-10", "acc")


def main() -> None:
    what, path, transform = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    _prepare_imports()
    cpu = sum(os.times()[:4])
    row = (_check if what == "check" else _fair)(path.read_text(), {**PRM, "transform": transform})
    cpu = sum(os.times()[:4]) - cpu  # imports of LEMUR's own among them
    print(json.dumps({**row, "cpu_seconds": round(cpu, 1)}))


def _prepare_imports() -> None:
    """Let a PyPI torchvision import beside a CPU-only torch, and a subset of CIFAR-10 pass for the whole."""
    import torch

    torch.set_num_threads(1)
    if torch.version.cuda is None:
        global _library
        _library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision.datasets.cifar as cifar

    cifar.check_integrity = lambda *arguments, **keywords: True


def _check(code: str, prm: dict[str, Any]) -> dict[str, Any]:
    import ab.nn.api as api
    from ab.nn.util.Exception import AccuracyException

    began = time.perf_counter()
    try:
        name, accuracy, _, quality = api.check_nn(code, *CONFIG, prm, save_to_db=False)
        row = {"accuracy": accuracy, "accepted": True, "name": name, "quality": quality}
    except AccuracyException as error:
        row = {"accuracy": error.accuracy, "accepted": False}
    return {"seconds": round(time.perf_counter() - began, 3), **row}


def _fair(code: str, prm: dict[str, Any]) -> dict[str, Any]:
    import ab.nn.util.Train as trainer  # noqa: N813
    from ab.nn.util.Exception import AccuracyException

    Path("out").mkdir(exist_ok=True)
    Path("out/network.py").write_text(code)
    sys.path.insert(0, ".")
    importlib.invalidate_caches()
    shape, least, train_set, test_set = trainer.load_dataset(*CONFIG[:2], prm["transform"])
    train = trainer.Train(
        (*CONFIG, "network"),
        shape,
        least,
        prm["batch"],
        "out.network",
        CONFIG[0],
        train_set,
        test_set,
        CONFIG[2],
        0,
        prm,
    )
    train.save_to_db = False
    began = time.perf_counter()
    try:
        row = {"accuracy": train.train_n_eval(1, 1000, False, False, train_set)[0], "accepted": True}
    except AccuracyException as error:
        row = {"accuracy": error.accuracy, "accepted": False}
    return {"seconds": round(time.perf_counter() - began, 3), **row}


if __name__ == "__main__":
    main()
