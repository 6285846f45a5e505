"""The costs of a cycle: wall seconds by stage, tokens, memory, and the time and energy of the GPUs, if any."""

import os
import resource
import sys
import time
from collections.abc import Sequence

from nnloop.executor import nvml
from nnloop.executor.nvml import NvmlGpu
from nnloop.measures import PROMPT_TOKENS, TOKENS
from nnloop.records import Costs, Entry, Status


class CostTracker:
    """A count of one cycle's costs, which begins when it is made."""

    def __init__(self, gpus: Sequence[NvmlGpu] | None = None) -> None:
        """Begin to count. `gpus` None: the GPUs that this process may use."""
        self._gpus = _find_gpus() if gpus is None else gpus
        self._joules = _joules(self._gpus)
        self._started = self._recorded = time.monotonic()
        self._seconds: dict[str, float] = {}

    def record(self, stage: str) -> None:
        """Add the time since the last call to a stage."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._recorded
        self._recorded = now

    def costs(self, entries: Sequence[Entry]) -> Costs:
        """Return the costs so far, with the costs of the cycle's entries."""
        total = time.monotonic() - self._started
        trained = [entry.result for entry in entries if entry.result and entry.status is not Status.DUPLICATE]
        seconds = self._seconds | {"trials": sum(result.seconds for result in trained), "total": total}
        joules = _joules(self._gpus)
        return Costs(
            seconds={stage: round(value, 3) for stage, value in seconds.items()},
            tokens=int(TOKENS.read(entries) or 0),
            prompt_tokens=int(PROMPT_TOKENS.read(entries) or 0),
            peak_bytes=max([_peak_bytes(), *(result.peak_bytes or 0 for result in trained)]),
            gpu_seconds=total * len(self._gpus) if len(self._gpus) else None,
            joules=None if joules is None or self._joules is None else joules - self._joules,
        )


def _find_gpus() -> Sequence[NvmlGpu]:
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
