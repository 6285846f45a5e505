"""The GPUs of this machine and their memory, from the driver's own library: this process does without torch."""

import ctypes
from dataclasses import dataclass

_UUID_LENGTH = 96


class _MemoryInfo(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


@dataclass(frozen=True, slots=True)
class NvmlGpu:
    """One GPU, or one MIG slice of it."""

    uuid: str  # as CUDA_VISIBLE_DEVICES takes it
    _library: ctypes.CDLL
    _handle: ctypes.c_void_p

    def memory(self) -> tuple[int, int]:
        """Return the total and the free bytes now. Raises OSError."""
        info = _MemoryInfo()
        _check(self._library.nvmlDeviceGetMemoryInfo(self._handle, ctypes.byref(info)), "its memory")
        return int(info.total), int(info.free)

    def joules(self) -> float:
        """Return the energy that all programs used since the driver was loaded. Raises OSError if it is unknown."""
        millijoules = ctypes.c_ulonglong()
        code = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(millijoules))
        _check(code, "its energy")
        return millijoules.value / 1000


def find(visible: str | None, library: ctypes.CDLL | None = None) -> list[NvmlGpu]:
    """List the GPUs in `visible` (CUDA_VISIBLE_DEVICES; None: all); none without a driver. Raises OSError."""
    library = library or _load()
    if library is None:
        return []
    _check(library.nvmlInit_v2(), "NVML")
    names = _all(library) if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    handles = []
    for name in names:
        handle = ctypes.c_void_p()
        if name.lstrip("-").isdigit():
            if int(name) < 0:
                break  # CUDA ignores the rest of the list too
            _check(library.nvmlDeviceGetHandleByIndex_v2(int(name), ctypes.byref(handle)), f"GPU {name}")
        else:
            _check(library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle)), f"GPU {name}")
        handles.append(handle)
    return [NvmlGpu(_uuid(library, handle), library, handle) for handle in handles]


def _load() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None


def _all(library: ctypes.CDLL) -> list[str]:
    count = ctypes.c_uint()
    _check(library.nvmlDeviceGetCount_v2(ctypes.byref(count)), "the number of GPUs")
    return [str(index) for index in range(count.value)]


def _uuid(library: ctypes.CDLL, handle: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(_UUID_LENGTH)
    _check(library.nvmlDeviceGetUUID(handle, buffer, _UUID_LENGTH), "its UUID")
    return buffer.value.decode()


def _check(code: int, what: str) -> None:
    if code:
        raise OSError(f"the NVIDIA driver can't say {what} (NVML error {code})")
