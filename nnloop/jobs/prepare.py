"""job=prepare: download and prepare a dataset, for a login node or before a sweep, and say what it holds."""

import json
import logging
import time
from typing import TextIO

from nnloop import data
from nnloop.data.measure import mean_and_std
from nnloop.data.prepared import prepared_folder
from nnloop.settings import DatasetSettings

FAR = 0.02
"""How far the configured mean and standard deviation may be from the measured ones before it is said."""

_log = logging.getLogger(__name__)


def run(settings: DatasetSettings, out: TextIO) -> None:
    """Prepare the set where it is not yet, and write one line of JSON about it. Raises DatasetError."""
    started = time.monotonic()
    dataset = data.load(settings)
    seconds = time.monotonic() - started
    folder = prepared_folder(settings)
    mean, std = mean_and_std(dataset)
    _compare(settings, mean, std)
    line = {
        "dataset": settings.name,
        "folder": str(folder),
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "seconds": round(seconds, 3),
        "shape": list(dataset.train_x.shape[1:]),
        "train": len(dataset.train_y),
        "val": len(dataset.val_y),
        "test": len(dataset.test_y),
        **dataset.facts(),
        "mean": [round(value, 4) for value in mean],
        "std": [round(value, 4) for value in std],
    }
    out.write(json.dumps({key: value for key, value in line.items() if key != "name"}) + "\n")


def _compare(settings: DatasetSettings, mean: list[float], std: list[float]) -> None:
    """Say where the settings normalise by other figures than these pixels have."""
    for key, measured, given in (("mean", mean, settings.mean), ("std", std, settings.std)):
        if max(abs(a - b) for a, b in zip(measured, given, strict=True)) > FAR:
            shown = ", ".join(f"{value:.4f}" for value in measured)
            _log.warning("dataset.%s=%s: these images have [%s]", key, given, shown)
