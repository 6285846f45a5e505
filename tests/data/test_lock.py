"""A lock that lets one process in at a time."""

import errno
import fcntl
import logging
import multiprocessing
import os
from pathlib import Path

import pytest

from nnloop.data.lock import acquire


def _count(lock: Path, log: Path) -> None:
    with acquire(lock) as exclusive:
        assert exclusive
        before = log.read_text() if log.exists() else ""
        log.write_text(f"{before}{os.getpid()}\n")


def test_a_lock_lets_one_process_in_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count, args=(tmp_path / "lock", tmp_path / "log")) for _ in range(3)]
    with acquire(tmp_path / "lock"):
        for worker in workers:
            worker.start()
        workers[0].join(0.5)
        assert not (tmp_path / "log").exists()
    for worker in workers:
        worker.join(60)
    assert sorted((tmp_path / "log").read_text().split()) == sorted(str(worker.pid) for worker in workers)


def test_a_file_system_without_locks_is_said_and_gives_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING), acquire(tmp_path / "lock") as exclusive:
        assert not exclusive
    assert "no locks on this file system (No locks available); work may be done twice" in caplog.text


def test_the_lock_file_names_its_holder(tmp_path: Path) -> None:
    with acquire(tmp_path / "new" / "lock"):
        assert (tmp_path / "new" / "lock").read_text().startswith(f"process {os.getpid()} on ")
