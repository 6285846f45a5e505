"""What a cycle costs: wall seconds by stage, and the time and energy of the GPUs where there are any."""

import os
import time
from dataclasses import dataclass, field
from typing import Any


class Gpus:
    """The GPUs that this process may use, asked through NVML (pynvml, extra `gpu`); none where that is missing."""

    def __init__(self) -> None:
        self._nvml, self._handles = _open()

    def __len__(self) -> int:
        return len(self._handles)

    def joules(self) -> float | None:
        """Energy since the driver was loaded, all GPUs together; None where there is none, or one does not tell."""
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


@dataclass(slots=True)
class Meter:
    """Runs over one cycle."""

    gpus: Gpus = field(default_factory=Gpus)
    seconds: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _lap: float = field(default_factory=time.monotonic)
    _joules: float | None = None

    def __post_init__(self) -> None:
        self._joules = self.gpus.joules()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap on a stage."""
        now = time.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._lap
        self._lap = now

    def total(self) -> float:
        """Wall seconds so far."""
        return time.monotonic() - self._started

    def gpu_seconds(self) -> float | None:
        """Wall seconds times GPUs held, busy or not; None without a GPU."""
        return self.total() * len(self.gpus) if len(self.gpus) else None

    def joules(self) -> float | None:
        """Energy of the GPUs so far, whoever used them; None where there is none that tells."""
        now = self.gpus.joules()
        return None if now is None or self._joules is None else now - self._joules
