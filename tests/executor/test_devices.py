"""Allocation of GPUs to trials: fakes stand for the driver and its devices, since there may be none here."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from trials import network, trial

from nnloop import data
from nnloop.executor.devices import CONTEXT_BYTES, HEADROOM, MOST, Allocation, Devices
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
        devices.record_peak(Allocation(gpu.uuid), peak_bytes)
    return devices


def fill(devices: Devices, tries: int) -> list[Allocation]:
    """Return the allocations that `tries` trials get at once; the others would wait."""
    with ExitStack() as stack, ThreadPoolExecutor(tries) as pool:
        got: list[Allocation] = []
        done = threading.Event()

        def run() -> None:
            with devices.acquire() as allocation:
                got.append(allocation)
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
    with Devices([]).acquire() as allocation:
        assert (allocation.uuid, allocation.share, allocation.alone) == ("", 1.0, True)


def test_a_devices_first_trial_has_it_alone() -> None:
    allocations = fill(Devices([FakeGpu(others=20 * GIB)]), 3)
    assert [(allocation.uuid, allocation.share, allocation.alone) for allocation in allocations] == [
        ("GPU-0", 0.75, True)
    ]


@pytest.mark.parametrize(("peak_gib", "degree"), [(1, MOST), (10, 6), (20, 3), (30, 2), (50, 1), (90, 1)])
def test_the_degree_follows_from_the_measured_peak(peak_gib: int, degree: int) -> None:
    allocations = fill(with_peak(peak_gib * GIB, FakeGpu()), 10)
    assert len(allocations) == degree
    assert all(allocation.alone == (degree == 1) for allocation in allocations)


def test_shares_hold_the_peak_and_never_add_up_to_more_than_there_is() -> None:
    for peak in (GIB, 7 * GIB, 25 * GIB):
        allocations = fill(with_peak(peak, FakeGpu()), 10)
        assert all(allocation.share * 80 * GIB >= peak for allocation in allocations)
        assert sum(allocation.share * 80 * GIB + CONTEXT_BYTES for allocation in allocations) <= 80 * GIB


def test_the_largest_recent_peak_counts() -> None:
    devices = with_peak(GIB, FakeGpu())
    devices.record_peak(Allocation("GPU-0"), 30 * GIB)
    assert len(fill(devices, 10)) == 2
    for _ in range(16):
        devices.record_peak(Allocation("GPU-0"), GIB)
    assert len(fill(devices, 10)) == MOST


def test_what_others_take_of_a_device_leaves_room_for_fewer_trials() -> None:
    gpu = FakeGpu()
    devices = with_peak(10 * GIB, gpu)
    gpu.others = 50 * GIB
    assert len(fill(devices, 10)) == int(30 * GIB / (HEADROOM * 10 * GIB + CONTEXT_BYTES))


def test_trials_spread_over_all_devices() -> None:
    allocations = fill(with_peak(30 * GIB, FakeGpu("GPU-0"), FakeGpu("GPU-1")), 10)
    assert sorted(allocation.uuid for allocation in allocations) == ["GPU-0", "GPU-0", "GPU-1", "GPU-1"]


def test_a_trial_that_wants_a_device_alone_gets_it_though_others_keep_coming() -> None:
    devices = with_peak(GIB, FakeGpu())
    running: list[int] = []
    stop = threading.Event()

    def keep_coming() -> None:
        while not stop.is_set():
            with devices.acquire():
                running.append(1)
                time.sleep(0.002)
                running.pop()

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(keep_coming)
        time.sleep(0.05)
        with devices.acquire(alone=True) as allocation:
            assert (allocation.alone, allocation.share, running) == (True, 1.0, [])
        stop.set()


def test_a_false_peak_costs_speed_and_nothing_else() -> None:
    devices = with_peak(10**18, FakeGpu())
    assert [allocation.share for allocation in fill(devices, 5)] == [1.0]


def test_under_any_load_memory_is_never_promised_twice() -> None:
    devices, total = with_peak(3 * GIB, FakeGpu(total=24 * GIB)), 24 * GIB
    lock, promised, most = threading.Lock(), [0], [0]

    def run(seed: int) -> None:
        generator = random.Random(seed)
        with devices.acquire(alone=generator.random() < 0.2) as allocation:
            taken = int(allocation.share * total) + (0 if allocation.alone else CONTEXT_BYTES)
            with lock:
                promised[0] += taken
                most[0] = max(most[0], promised[0])
            time.sleep(0.002 * generator.random())
            with lock:
                promised[0] -= taken
        devices.record_peak(allocation, generator.randrange(5 * GIB))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(200)))
    assert 0 < most[0] <= total


def test_a_trial_out_of_memory_beside_others_runs_again_alone(configure: Callable[..., Settings]) -> None:
    settings = configure("dataset=digits", "executor.workers=2", "executor.retries=0")
    gpu = FakeGpu()
    greedy = network(init="raise MemoryError")
    with LocalExecutor(
        data.load(settings.dataset),
        dataset_settings=settings.dataset,
        proxy=settings.proxy,
        sandbox=settings.sandbox,
        settings=settings.executor,
        gpus=[gpu],
    ) as executor:
        assert executor.submit(trial(greedy)).result().status is Status.OUT_OF_MEMORY
        first = gpu.asked
        assert executor.submit(trial(network())).result().status is Status.OK  # now a peak is known
        before = gpu.asked
        assert executor.submit(trial(greedy)).result().status is Status.OUT_OF_MEMORY
    assert (first, gpu.asked - before) == (1, 2)
