"""job=prepare: download and prepare a dataset, on a login node or before a sweep, and describe it."""

import json
import logging
import time
from pathlib import Path
from typing import TextIO

from nnloop import data
from nnloop.data.measure import mean_and_std, repeats
from nnloop.data.prepared import prepared_folder
from nnloop.settings import DatasetSettings, Settings, known
from nnloop.settings.members import only

FAR = 0.02
"""Difference between configured and measured mean or standard deviation, of pixels in [0, 1], that is logged."""

_log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Prepare settings.dataset unless it is prepared already; write one line of JSON about it. Raises DatasetError."""
    started = time.monotonic()
    of_one = only(settings)
    dataset = data.load(of_one)
    seconds = time.monotonic() - started
    prepared = prepared_folder(of_one)
    mean, std = mean_and_std(dataset)
    _compare(of_one, mean, std)
    line = {
        "dataset": settings.dataset.name,
        "folder": str(prepared),
        "bytes": sum(file.stat().st_size for file in prepared.iterdir()),
        "seconds": round(seconds, 3),
        "shape": list(dataset.train_x.shape[1:]),
        "train": len(dataset.train_y),
        "val": len(dataset.val_y),
        "test": len(dataset.test_y),
        **dataset.facts(),
        "in_train_too": repeats(dataset),
        "mean": [round(value, 4) for value in mean],
        "std": [round(value, 4) for value in std],
    }
    out.write(json.dumps({key: value for key, value in line.items() if key != "name"}) + "\n")


def _compare(settings: DatasetSettings, mean: list[float], std: list[float]) -> None:
    """Warn if the settings normalise by other figures than these pixels have."""
    for key, measured, given in (("mean", mean, known(settings.mean)), ("std", std, known(settings.std))):
        if max(abs(a - b) for a, b in zip(measured, given, strict=True)) > FAR:
            shown = ", ".join(f"{value:.4f}" for value in measured)
            _log.warning("dataset.%s=%s: these images have [%s]", key, given, shown)
