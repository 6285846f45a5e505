"""The GPUs of a machine by a fake of the driver's library, since there may be none here."""

import ctypes

import pytest

from nnloop.executor import nvml


class FakeNvml:
    """The driver's library, for two GPUs and a slice of one."""

    uuids = ("GPU-a", "GPU-b", "MIG-c")

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetCount_v2(self, count) -> int:  # noqa: N802
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle) -> int:  # noqa: N802
        handle._obj.value = index + 1
        return 0 if index < 2 else 2

    def nvmlDeviceGetHandleByUUID(self, uuid, handle) -> int:  # noqa: N802
        handle._obj.value = self.uuids.index(uuid.decode()) + 1
        return 0

    def nvmlDeviceGetUUID(self, handle, buffer, length) -> int:  # noqa: N802
        ctypes.memmove(buffer, self.uuids[handle.value - 1].encode() + b"\0", 6)
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle, info) -> int:  # noqa: N802
        info._obj.total, info._obj.free = 10 * handle.value, 4 * handle.value
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, millijoules) -> int:  # noqa: N802
        millijoules._obj.value = 1500 * handle.value
        return 0


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, ["GPU-a", "GPU-b"]),
        ("", []),
        ("1", ["GPU-b"]),
        ("1,0", ["GPU-b", "GPU-a"]),
        ("0,-1,1", ["GPU-a"]),
        ("MIG-c", ["MIG-c"]),
    ],
)
def test_the_gpus_are_those_that_the_environment_leaves(visible: str | None, uuids: list[str]) -> None:
    assert [gpu.uuid for gpu in nvml.find(visible, FakeNvml())] == uuids


def test_a_gpus_memory_is_asked_of_the_driver() -> None:
    assert nvml.find("1", FakeNvml())[0].memory() == (20, 8)


def test_a_gpus_energy_is_asked_of_the_driver_in_joules() -> None:
    assert [gpu.joules() for gpu in nvml.find(None, FakeNvml())] == [1.5, 3.0]


def test_a_driver_that_fails_is_an_oserror_that_says_so() -> None:
    with pytest.raises(OSError, match=r"^the NVIDIA driver can't say GPU 7 \(NVML error 2\)$"):
        nvml.find("7", FakeNvml())
