"""A process that is ahead of its share of the processor is stopped for as long as that lasts."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from trials import linux

from nnloop.sandbox.share import Share, cpu_seconds

pytestmark = linux
GREEDY = "import hashlib, threading; f = lambda: [hashlib.sha256(bytes(1 << 24)) for _ in range(1000)]; "
THREADS = GREEDY + "[threading.Thread(target=f).start() for _ in range(8)]"


@pytest.fixture
def greedy() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", THREADS], start_new_session=True) as process:
        while len(os.listdir(f"/proc/{process.pid}/task")) < 9:
            time.sleep(0.01)
        yield process.pid
        process.kill()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def watch(share: Share, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        share.keep()
        time.sleep(0.02)


def test_many_threads_get_the_share_of_one(greedy: int) -> None:
    before, began = cpu_seconds(greedy), time.monotonic()
    watch(Share(greedy, 0.1, kept_by_kernel=False), 2.0)
    assert cpu_seconds(greedy) - before < 0.1 * (time.monotonic() - began) + 0.5
    assert {os.sched_getscheduler(int(thread)) for thread in os.listdir(f"/proc/{greedy}/task")} == {os.SCHED_IDLE}


def test_a_process_within_its_share_is_never_stopped(greedy: int) -> None:
    share = Share(greedy, float(os.cpu_count() or 1) + 1, kept_by_kernel=False)
    for _ in range(20):
        share.keep()
        assert state(greedy) != "T"
        time.sleep(0.01)


def test_a_group_that_keeps_the_share_leaves_nothing_to_do(greedy: int) -> None:
    watch(Share(greedy, 0.0, kept_by_kernel=True), 0.3)
    assert state(greedy) != "T"


def test_the_clock_of_a_process_counts_its_work_and_not_its_sleep() -> None:
    before = cpu_seconds(os.getpid())
    time.sleep(0.2)
    slept = cpu_seconds(os.getpid()) - before
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    assert slept < 0.1 <= cpu_seconds(os.getpid()) - before
    with subprocess.Popen(["true"]) as gone:
        pass
    assert cpu_seconds(gone.pid) == 0.0
