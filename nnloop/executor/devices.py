"""Allocation of devices to trials. As many trials share a device as fit by the memory peaks of earlier trials.

The first trial has its device alone; its peak tells how many trials fit. A trial can't use more than its share of the
memory, so a trial larger than the earlier ones fails without harm to others, and the executor runs it again alone.
Candidates' processes report the peaks themselves: a false one costs speed, never a result.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

CONTEXT_BYTES = 600 << 20  # used by a process on a device before its first tensor: assumed, not measured
HEADROOM = 1.2  # over the largest recent peak
PEAKS = 16  # recent peaks that count
MOST = 8  # trials on one device; with more, they wait for each other's kernels
LOOK_AGAIN_S = 1.0


class Gpu(Protocol):
    """A device with memory of its own."""

    @property
    def uuid(self) -> str:
        """The name that CUDA_VISIBLE_DEVICES takes."""
        ...

    def memory(self) -> tuple[int, int]:
        """Return the total and the free bytes."""
        ...


@dataclass(eq=False, slots=True)
class Allocation:
    """The right of one trial to use a device."""

    uuid: str = ""  # of a GPU; empty: the CPU
    share: float = 1.0  # of the device's memory, at most
    alone: bool = True
    reserved_bytes: int = 0


@dataclass(slots=True)
class _Device:
    gpu: Gpu
    allocations: list[Allocation] = field(default_factory=list)
    peaks: deque[int] = field(default_factory=lambda: deque(maxlen=PEAKS))
    capacity: int = 0  # bytes that were free when no trial ran

    def offer(self, alone: bool) -> Allocation | None:
        """Return an allocation for one more trial; None if it has to wait."""
        total, free = self.gpu.memory()
        if not self.allocations:
            self.capacity = free
        wanted = 0 if alone or not self.peaks else int(HEADROOM * max(self.peaks)) + CONTEXT_BYTES
        if not self.allocations and (not wanted or 2 * wanted > free):
            return Allocation(self.gpu.uuid, free / total, alone=True, reserved_bytes=free)
        reserved = sum(allocation.reserved_bytes for allocation in self.allocations)
        fits = wanted and wanted <= free and reserved + wanted <= self.capacity
        if not fits or len(self.allocations) >= MOST:
            return None
        return Allocation(self.gpu.uuid, (wanted - CONTEXT_BYTES) / total, alone=False, reserved_bytes=wanted)


class Devices:
    """The GPUs of this machine; thread-safe. Without GPUs, every trial gets the CPU at once."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._devices = [_Device(gpu) for gpu in gpus]
        self._changed = threading.Condition()
        self._waiting_alone = 0

    @contextmanager
    def acquire(self, alone: bool = False) -> Iterator[Allocation]:
        """Wait for the least busy device that can take the trial, alone or beside others; release it at the end."""
        if not self._devices:
            yield Allocation()
            return
        device, allocation = self._wait(alone)
        try:
            yield allocation
        finally:
            with self._changed:
                device.allocations.remove(allocation)
                self._changed.notify_all()

    def record_peak(self, allocation: Allocation, peak_bytes: int | None) -> None:
        """Remember the memory that a trial used at its peak; None, for unknown, changes nothing."""
        with self._changed:
            for device in self._devices:
                if device.gpu.uuid == allocation.uuid and peak_bytes is not None:
                    device.peaks.append(min(peak_bytes, device.gpu.memory()[0]))

    def _wait(self, alone: bool) -> tuple[_Device, Allocation]:
        with self._changed:
            self._waiting_alone += alone
            try:
                while True:
                    if alone or not self._waiting_alone:  # else no device would ever be empty
                        for device in sorted(self._devices, key=lambda device: len(device.allocations)):
                            if (allocation := device.offer(alone)) is not None:
                                device.allocations.append(allocation)
                                return device, allocation
                    self._changed.wait(LOOK_AGAIN_S)  # other programs may free memory too
            finally:
                self._waiting_alone -= alone
