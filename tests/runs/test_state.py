import os
import time
from pathlib import Path

import pytest

from nnloop.runs import state
from nnloop.runs.folder import RunFolder
from nnloop.runs.state import RunState, Stage, read_state


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_a_run_is_running_while_its_lock_is_held_and_stopped_afterwards(run: RunFolder) -> None:
    with run.lock():
        assert read_state(run) == RunState(Stage.RUNNING)
    assert read_state(run) == RunState(Stage.STOPPED)


def test_a_holder_that_has_not_beaten_for_long_was_killed(run: RunFolder) -> None:
    with run.lock():
        held = run.lock_file.read_bytes()
    run.lock_file.write_bytes(held.strip() or b'{"pid": 1}')
    os.utime(run.lock_file, (time.time() - 100,) * 2)
    assert read_state(run) == RunState(Stage.KILLED)


@pytest.mark.parametrize("stage", [Stage.FINISHED, Stage.INTERRUPTED, Stage.FAILED])
def test_an_end_is_told_until_the_run_is_taken_up_again(run: RunFolder, stage: Stage) -> None:
    with run.lock():
        state.end(run, stage, "why")
        assert read_state(run) == RunState(stage, "why")
        state.begin(run)
        assert read_state(run) == RunState(Stage.RUNNING)


def test_a_damaged_file_or_a_link_that_leads_out_says_nothing(run: RunFolder, tmp_path: Path) -> None:
    run.path.mkdir()
    run.ending.write_text("[" * 5)
    assert read_state(run) == RunState(Stage.STOPPED)
    run.ending.unlink()
    (tmp_path / "other").write_text('{"stage": "finished", "reason": ""}')
    run.ending.symlink_to(tmp_path / "other")
    assert read_state(run) == RunState(Stage.STOPPED)
