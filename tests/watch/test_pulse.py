"""A search lives while its lock file changes; no clock of another host counts."""

from dataclasses import replace
from pathlib import Path

from nnloop.runs.lease import Lease, myself
from nnloop.watch.pulse import SILENT_S, Pulse


def test_a_search_is_running_until_its_heart_is_silent_and_free_once_it_has_ended(tmp_path: Path) -> None:
    now, lock = [0.0], tmp_path / "run.lock"
    pulse = Pulse(tmp_path, clock=lambda: now[0])
    assert pulse.look() == "free"
    holder = myself()
    lock.write_text(holder.line())
    assert pulse.look() == "running"
    now[0] += SILENT_S + 1
    assert pulse.look() == "silent"
    lock.write_text(replace(holder, beat=1).line())
    assert pulse.look() == "running"
    assert pulse.holder.startswith(f"process {holder.pid} on ")
    lock.write_text(" " * 512)
    assert pulse.look() == "free"


def test_looking_takes_no_lock(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "run.lock", myself())
    lease.acquire()
    pulse = Pulse(tmp_path)
    assert pulse.look() == "running"
    lease.check()
    lease.release()
    assert pulse.look() == "free"
    again = Lease(tmp_path / "run.lock", myself())
    again.acquire()
    again.release()


def test_a_hostile_lock_file_is_nobody(tmp_path: Path) -> None:
    for text in ("[" * 4000, "x" * 100_000, '{"host": 3}'):
        (tmp_path / "run.lock").write_text(text)
        assert Pulse(tmp_path).look() == "free"
