"""Places on GPUs: fakes stand for the driver and its devices, since there may be none here."""

import ctypes
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from trials import network, trial

from nnloop import data
from nnloop.executor import nvml
from nnloop.executor.devices import CONTEXT_BYTES, HEADROOM, MOST, Devices, Place
from nnloop.executor.local import LocalExecutor
from nnloop.records import Status
from nnloop.settings import Settings

GIB = 1 << 30


class FakeGpu:
    """A GPU whose memory only others take."""

    def __init__(self, uuid: str = "GPU-0", total: int = 80 * GIB, others: int = 0) -> None:
        self.uuid = uuid
        self.total = total
        self.others = others
        self.asked = 0

    def memory(self) -> tuple[int, int]:
        self.asked += 1
        return self.total, self.total - self.others


def with_peak(peak_bytes: int, *gpus: FakeGpu) -> Devices:
    """Devices on each of which one trial has run."""
    devices = Devices(gpus)
    for gpu in gpus:
        devices.note(Place(gpu.uuid), peak_bytes)
    return devices


def fill(devices: Devices, tries: int) -> list[Place]:
    """The places that `tries` trials get at once; the others would wait."""
    with ExitStack() as stack, ThreadPoolExecutor(tries) as pool:
        got: list[Place] = []
        done = threading.Event()

        def run() -> None:
            with devices.place() as place:
                got.append(place)
                done.wait()

        running = [pool.submit(run) for _ in range(tries)]
        stack.callback(done.set)
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline and len(got) < tries:
            time.sleep(0.01)
        there = list(got)
        done.set()
        for future in running:
            future.result()
    return there


def test_without_gpus_a_trial_is_on_the_cpu_at_once() -> None:
    assert len(fill(Devices([]), 3)) == 3
    with Devices([]).place() as place:
        assert (place.uuid, place.share, place.alone) == ("", 1.0, True)


def test_a_devices_first_trial_has_it_alone() -> None:
    places = fill(Devices([FakeGpu(others=20 * GIB)]), 3)
    assert [(place.uuid, place.share, place.alone) for place in places] == [("GPU-0", 0.75, True)]


@pytest.mark.parametrize(("peak_gib", "degree"), [(1, MOST), (10, 6), (20, 3), (30, 2), (50, 1), (90, 1)])
def test_the_degree_follows_from_the_measured_peak(peak_gib: int, degree: int) -> None:
    places = fill(with_peak(peak_gib * GIB, FakeGpu()), 10)
    assert len(places) == degree
    assert all(place.alone == (degree == 1) for place in places)


def test_shares_hold_the_peak_and_never_add_up_to_more_than_there_is() -> None:
    for peak in (GIB, 7 * GIB, 25 * GIB):
        places = fill(with_peak(peak, FakeGpu()), 10)
        assert all(place.share * 80 * GIB >= peak for place in places)
        assert sum(place.share * 80 * GIB + CONTEXT_BYTES for place in places) <= 80 * GIB


def test_the_largest_recent_peak_counts() -> None:
    devices = with_peak(GIB, FakeGpu())
    devices.note(Place("GPU-0"), 30 * GIB)
    assert len(fill(devices, 10)) == 2
    for _ in range(16):
        devices.note(Place("GPU-0"), GIB)
    assert len(fill(devices, 10)) == MOST


def test_what_others_take_of_a_device_leaves_fewer_places() -> None:
    gpu = FakeGpu()
    devices = with_peak(10 * GIB, gpu)
    gpu.others = 50 * GIB
    assert len(fill(devices, 10)) == int(30 * GIB / (HEADROOM * 10 * GIB + CONTEXT_BYTES))


def test_trials_spread_over_all_devices() -> None:
    places = fill(with_peak(30 * GIB, FakeGpu("GPU-0"), FakeGpu("GPU-1")), 10)
    assert sorted(place.uuid for place in places) == ["GPU-0", "GPU-0", "GPU-1", "GPU-1"]


def test_a_trial_that_wants_a_device_alone_gets_it_though_others_keep_coming() -> None:
    devices = with_peak(GIB, FakeGpu())
    running: list[int] = []
    stop = threading.Event()

    def keep_coming() -> None:
        while not stop.is_set():
            with devices.place():
                running.append(1)
                time.sleep(0.002)
                running.pop()

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(keep_coming)
        time.sleep(0.05)
        with devices.place(alone=True) as place:
            assert (place.alone, place.share, running) == (True, 1.0, [])
        stop.set()


def test_a_false_peak_costs_speed_and_nothing_else() -> None:
    devices = with_peak(10**18, FakeGpu())
    assert [place.share for place in fill(devices, 5)] == [1.0]


def test_under_any_load_memory_is_never_promised_twice() -> None:
    devices, total = with_peak(3 * GIB, FakeGpu(total=24 * GIB)), 24 * GIB
    lock, promised, most = threading.Lock(), [0], [0]

    def run(seed: int) -> None:
        generator = random.Random(seed)
        with devices.place(alone=generator.random() < 0.2) as place:
            taken = int(place.share * total) + (0 if place.alone else CONTEXT_BYTES)
            with lock:
                promised[0] += taken
                most[0] = max(most[0], promised[0])
            time.sleep(0.002 * generator.random())
            with lock:
                promised[0] -= taken
        devices.note(place, generator.randrange(5 * GIB))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(200)))
    assert 0 < most[0] <= total


def test_a_trial_out_of_memory_beside_others_runs_again_alone(configure: Callable[..., Settings]) -> None:
    settings = configure("dataset=digits", "executor.workers=2", "executor.retries=0")
    gpu = FakeGpu()
    greedy = network(init="raise MemoryError")
    with LocalExecutor(
        data.load(settings.dataset), settings.dataset, settings.proxy, settings.sandbox, settings.executor, None, [gpu]
    ) as executor:
        assert executor.submit(trial(greedy)).result().status is Status.OUT_OF_MEMORY
        first = gpu.asked
        assert executor.submit(trial(network())).result().status is Status.OK  # now a peak is known
        before = gpu.asked
        assert executor.submit(trial(greedy)).result().status is Status.OUT_OF_MEMORY
    assert (first, gpu.asked - before) == (1, 2)


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


def test_a_driver_that_fails_is_an_oserror_that_says_so() -> None:
    with pytest.raises(OSError, match=r"^the NVIDIA driver can't say GPU 7 \(NVML error 2\)$"):
        nvml.find("7", FakeNvml())
