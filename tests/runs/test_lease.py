"""One writer per run folder, on one host and between hosts."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nnloop.errors import RunFolderError
from nnloop.runs import lease
from nnloop.runs.lease import Holder, Lease, myself

HERE = myself()
THERE = Holder("node7", "another boot", 4711, "their token")
QUICK = {"stale_s": 0.6, "beat_s": 0.05}
HOLD = (
    "import sys, pathlib; from nnloop.runs.folder import RunFolder\n"
    "with RunFolder(pathlib.Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
)


def test_a_second_process_is_refused_with_the_host_and_pid_of_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert f"in use by process {first.pid} on {HERE.host}" in second.stderr
        first.kill()
    started = time.monotonic()
    after = Lease(tmp_path / "run.lock", myself())
    after.acquire()
    after.release()
    assert time.monotonic() - started < 5  # a dead holder of this host is not waited for


def test_a_holder_on_another_host_that_beats_is_not_disturbed(tmp_path: Path, no_flock: None) -> None:
    there = Lease(tmp_path / "run.lock", THERE, **QUICK)
    there.acquire()
    waited: list[str] = []
    with pytest.raises(RunFolderError, match="in use by process 4711 on node7"):
        Lease(tmp_path / "run.lock", HERE, **QUICK).acquire(waited.append)
    assert "was held by process 4711 on node7" in waited[0]
    there.check()
    there.release()


def test_the_lock_of_a_dead_host_is_taken_over_after_it_stood_still(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text(THERE.line())
    started = time.monotonic()
    mine = Lease(tmp_path / "run.lock", HERE, **QUICK)
    mine.acquire()
    assert time.monotonic() - started >= QUICK["stale_s"]
    mine.check()
    mine.release()
    assert (tmp_path / "run.lock").read_text().strip() == ""


def test_a_holder_that_was_suspended_finds_itself_replaced_and_writes_no_more(tmp_path: Path, no_flock: None) -> None:
    suspended = Lease(tmp_path / "run.lock", THERE, stale_s=0.6, beat_s=1000)
    suspended.acquire()
    mine = Lease(tmp_path / "run.lock", HERE, **QUICK)
    mine.acquire()
    with pytest.raises(RunFolderError, match=f"in use by process {HERE.pid} on {HERE.host}"):
        suspended.check()
    suspended.release()
    mine.check()  # the end of the other did not clear the file
    mine.release()


def test_of_several_that_take_over_at_once_one_is_left(tmp_path: Path, no_flock: None) -> None:
    (tmp_path / "run.lock").write_text(THERE.line())
    rivals = [Lease(tmp_path / "run.lock", replace(myself(), boot=f"boot {n}"), **QUICK) for n in range(4)]
    got: list[Lease] = []

    def try_it(rival: Lease) -> None:
        try:
            rival.acquire()
            got.append(rival)
        except RunFolderError:
            return

    threads = [threading.Thread(target=try_it, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holding = [rival for rival in got if _holds(rival)]
    assert len(holding) == 1
    for rival in got:
        rival.release()


def _holds(rival: Lease) -> bool:
    try:
        rival.check()
    except RunFolderError:
        return False
    return True


def test_a_released_folder_is_taken_at_once_whoever_had_it(tmp_path: Path) -> None:
    there = Lease(tmp_path / "run.lock", THERE, **QUICK)
    there.acquire()
    there.release()
    started = time.monotonic()
    mine = Lease(tmp_path / "run.lock", HERE, **QUICK)
    mine.acquire()
    assert time.monotonic() - started < QUICK["stale_s"]
    mine.release()


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that does not carry flock from host to host: each process gets it."""
    granted: Callable[[int, int], None] = lambda file, operation: None  # noqa: E731
    monkeypatch.setattr(lease.fcntl, "flock", granted)
