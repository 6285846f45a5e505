"""The costs of a cycle: wall seconds by stage, tokens, memory, and the time and energy of the GPUs, if any."""

import os
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

from nnloop.measures import PROMPT_TOKENS, TOKENS
from nnloop.records import Costs, Entry, Status


class Gpus:
    """The GPUs that this process may use, asked through NVML (pynvml, extra `gpu`); none if that is missing."""

    def __init__(self) -> None:
        self._nvml, self._handles = _open()

    def __len__(self) -> int:
        return len(self._handles)

    def joules(self) -> float | None:
        """Return the energy of all GPUs since the driver was loaded; None without one, or if one does not tell."""
        if not self._handles:
            return None
        try:
            return sum(float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) for handle in self._handles) / 1000
        except Exception:  # an old or a virtual device
            return None


def _open() -> tuple[Any, list[Any]]:
    """Load NVML and find the devices that CUDA_VISIBLE_DEVICES leaves."""
    try:
        import pynvml

        pynvml.nvmlInit()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = map(str, range(pynvml.nvmlDeviceGetCount())) if visible is None else visible.split(",")
        return pynvml, [_handle(pynvml, name.strip()) for name in names if name.strip()]
    except Exception:  # no pynvml, no driver, or a name that the driver does not know
        return None, []


def _handle(nvml: Any, name: str) -> Any:
    return nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else nvml.nvmlDeviceGetHandleByUUID(name)


class CostTracker:
    """Counts what one cycle takes, from its making on."""

    def __init__(self) -> None:
        self._gpus = Gpus()
        self._joules = self._gpus.joules()
        self._started = self._recorded = time.monotonic()
        self._seconds: dict[str, float] = {}

    def record(self, stage: str) -> None:
        """Book the time since the last record on a stage."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._recorded
        self._recorded = now

    def costs(self, entries: Sequence[Entry]) -> Costs:
        """Return the costs so far, with those of the cycle's entries."""
        total = time.monotonic() - self._started
        trained = [entry.result for entry in entries if entry.result and entry.status is not Status.DUPLICATE]
        seconds = self._seconds | {"trials": sum(result.seconds for result in trained), "total": total}
        joules = self._gpus.joules()
        return Costs(
            seconds={stage: round(value, 3) for stage, value in seconds.items()},
            tokens=int(TOKENS.read(entries) or 0),
            prompt_tokens=int(PROMPT_TOKENS.read(entries) or 0),
            peak_bytes=max([_peak_bytes(), *(result.peak_bytes or 0 for result in trained)]),
            gpu_seconds=total * len(self._gpus) if len(self._gpus) else None,
            joules=None if joules is None or self._joules is None else joules - self._joules,
        )


def _peak_bytes() -> int:
    """Return the peak resident memory of this process; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
