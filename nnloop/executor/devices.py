"""Which device a trial runs on, and how many trials share one: as many as fit by the peaks that trials have shown.

The first trial on a device has it alone; its peak says how many fit beside each other. A trial gets a share of the
memory that it can't go beyond, so one that turns out larger than those before it ends without harm to the others, and
the executor runs it again alone. Peaks are the candidates' own word: a false one costs speed, never a result.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

CONTEXT_BYTES = 600 << 20  # that a process takes of a device before its first tensor: assumed, not measured
HEADROOM = 1.2  # over the largest recent peak
PEAKS = 16  # recent ones that count
MOST = 8  # trials on one device: beyond, kernels of one wait for those of others
LOOK_AGAIN_S = 1.0


class Gpu(Protocol):
    """A device with memory of its own."""

    @property
    def uuid(self) -> str: ...

    def memory(self) -> tuple[int, int]:
        """Total and free bytes."""
        ...


@dataclass(eq=False, slots=True)
class Place:
    """A trial's right to a device; no `uuid` is the CPU."""

    uuid: str = ""
    share: float = 1.0  # of the device's memory, at most
    alone: bool = True
    _wanted: int = 0  # bytes


@dataclass(slots=True)
class _Device:
    gpu: Gpu
    places: list[Place] = field(default_factory=list)
    peaks: deque[int] = field(default_factory=lambda: deque(maxlen=PEAKS))
    capacity: int = 0  # bytes that were free when no trial ran

    def offer(self, alone: bool) -> Place | None:
        """A place for one more trial, None where it has to wait."""
        total, free = self.gpu.memory()
        if not self.places:
            self.capacity = free
        wanted = 0 if alone or not self.peaks else int(HEADROOM * max(self.peaks)) + CONTEXT_BYTES
        if not self.places and (not wanted or 2 * wanted > free):
            return Place(self.gpu.uuid, free / total, alone=True, _wanted=free)
        planned = sum(place._wanted for place in self.places)
        fits = wanted and wanted <= free and planned + wanted <= self.capacity
        if not fits or len(self.places) >= MOST:
            return None
        return Place(self.gpu.uuid, (wanted - CONTEXT_BYTES) / total, alone=False, _wanted=wanted)


class Devices:
    """Hands out places. Thread-safe. Without GPUs every trial gets one on the CPU at once."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._devices = [_Device(gpu) for gpu in gpus]
        self._changed = threading.Condition()
        self._waiting_alone = 0

    @contextmanager
    def place(self, alone: bool = False) -> Iterator[Place]:
        """Wait for a place, `alone` on its device or as memory allows, the least busy device first."""
        if not self._devices:
            yield Place()
            return
        device, place = self._wait(alone)
        try:
            yield place
        finally:
            with self._changed:
                device.places.remove(place)
                self._changed.notify_all()

    def note(self, place: Place, peak_bytes: int | None) -> None:
        """Learn what a trial took at its peak."""
        with self._changed:
            for device in self._devices:
                if device.gpu.uuid == place.uuid and peak_bytes is not None:
                    device.peaks.append(min(peak_bytes, device.gpu.memory()[0]))

    def _wait(self, alone: bool) -> tuple[_Device, Place]:
        with self._changed:
            self._waiting_alone += alone
            try:
                while True:
                    if alone or not self._waiting_alone:  # else a device would never be free of others
                        for device in sorted(self._devices, key=lambda device: len(device.places)):
                            place = device.offer(alone)
                            if place is not None:
                                device.places.append(place)
                                return device, place
                    self._changed.wait(LOOK_AGAIN_S)  # others than our trials may free memory too
            finally:
                self._waiting_alone -= alone
