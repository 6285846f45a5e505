"""A job is alive as long as squeue lists it as such; a script stands for squeue."""

import os
from pathlib import Path

import pytest
from submitit.slurm.slurm import SlurmJob

from nnloop.executor.squeue import SqueueWatcher, use_squeue

LISTED = "1|RUNNING\n2|SUSPENDED\n3|CONFIGURING\n4|FAILED\n5|TIMEOUT\n"


@pytest.fixture
def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqueueWatcher:
    script = tmp_path / "squeue"
    script.write_text(f"#!/bin/sh\nprintf '{LISTED}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    watcher = SqueueWatcher(0)
    for job in "123456":
        watcher.register_job(job)
    return watcher


@pytest.mark.parametrize("job", ["1", "2", "3"])
def test_a_job_that_runs_or_is_about_to_is_not_done(watcher: SqueueWatcher, job: str) -> None:
    assert not watcher.is_done(job, mode="force")


@pytest.mark.parametrize(("job", "state"), [("4", "FAILED"), ("5", "TIMEOUT"), ("6", "GONE")])
def test_a_job_that_ended_or_is_not_listed_is_done(watcher: SqueueWatcher, job: str, state: str) -> None:
    assert watcher.is_done(job, mode="force")
    assert watcher.get_state(job) == state


def test_nothing_is_asked_for_no_jobs() -> None:
    assert SqueueWatcher(0)._make_command() is None


def test_submitits_jobs_ask_squeue_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlurmJob, "watcher", SlurmJob.watcher)
    use_squeue()
    assert isinstance(SlurmJob.watcher, SqueueWatcher)
