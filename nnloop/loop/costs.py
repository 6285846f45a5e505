"""The costs of a cycle: wall seconds by stage, tokens, memory, and the time and energy of the GPUs, if any."""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from nnloop.errors import RunFolderError
from nnloop.executor import nvml
from nnloop.executor.nvml import NvmlGpu
from nnloop.measures import PROMPT_TOKENS, TOKENS
from nnloop.records import Costs, Entry, Status
from nnloop.runs.durable import make_folder, write_json

SAVE_S = 5.0
"""Seconds between two saves, so that a killed cycle loses no more of its costs."""


class CostTracker:
    """A count of one cycle's costs, over all processes that worked on it.

    It begins with `with`, goes on from what an earlier process saved in `file`, and is saved there until `with` ends.
    """

    def __init__(self, file: Path, gpus: Sequence[NvmlGpu] | None = None, save_s: float = SAVE_S) -> None:
        """`gpus` None: the GPUs that this process may use."""
        self._file, self._save_s = file, save_s
        self._gpus = find_gpus() if gpus is None else gpus
        self._earlier = _saved(file)
        self._joules = _joules(self._gpus)
        self._started = self._recorded = time.monotonic()
        self._cpu = time.process_time()
        self._seconds: dict[str, float] = {}
        self._ended = threading.Event()
        self._saving = threading.Thread(target=self._keep_saving, daemon=True, name="costs")

    def __enter__(self) -> Self:
        self._saving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._saving.join()
        self._save()

    def record(self, stage: str) -> None:
        """Add the time since the last call to a stage."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._recorded
        self._recorded = now

    def costs(self, entries: Sequence[Entry]) -> Costs:
        """Return the costs so far, with the costs of the cycle's entries."""
        before, joules = self._earlier, _joules(self._gpus)
        total = before.seconds.get("total", 0.0) + time.monotonic() - self._started
        trained = [entry.result for entry in entries if entry.result and entry.status is not Status.DUPLICATE]
        own = self._seconds | {"cpu": time.process_time() - self._cpu}
        seconds = {stage: before.seconds.get(stage, 0.0) + own.get(stage, 0.0) for stage in before.seconds | own}
        seconds |= {"trials": sum(result.seconds for result in trained), "total": total}
        return Costs(
            seconds={stage: round(value, 3) for stage, value in seconds.items()},
            tokens=int(TOKENS.read(entries) or 0),
            prompt_tokens=int(PROMPT_TOKENS.read(entries) or 0),
            peak_bytes=max([before.peak_bytes, _peak_bytes(), *(result.peak_bytes or 0 for result in trained)]),
            gpu_seconds=total * len(self._gpus) if len(self._gpus) else None,
            joules=None if joules is None or self._joules is None else (before.joules or 0.0) + joules - self._joules,
        )

    def _keep_saving(self) -> None:
        while not self._ended.wait(self._save_s):
            self._save()

    def _save(self) -> None:
        with suppress(RunFolderError, OSError):  # a full disk: the search will tell
            make_folder(self._file.parent)
            write_json(self._file, self.costs([]).to_json())


def _saved(file: Path) -> Costs:
    """Return the costs that an earlier process saved; none if there are none, or if they can't be read."""
    try:
        return Costs.from_json(json.loads(file.read_text()))
    except (OSError, ValueError):
        return Costs(seconds={}, tokens=0, prompt_tokens=0, peak_bytes=0)


def find_gpus() -> Sequence[NvmlGpu]:
    """Return the GPUs that this process may use."""
    try:
        return nvml.find(os.environ.get("CUDA_VISIBLE_DEVICES"))
    except OSError:  # the executor has warned of it
        return ()


def _joules(gpus: Sequence[NvmlGpu]) -> float | None:
    """Return the energy that all GPUs used since the driver was loaded; None without GPUs, or if one can't tell."""
    try:
        return sum(gpu.joules() for gpu in gpus) if gpus else None
    except (OSError, AttributeError):  # a virtual device, an old driver's library
        return None


def _peak_bytes() -> int:
    """Return the peak resident memory of this process; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
