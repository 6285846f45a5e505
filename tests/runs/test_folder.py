"""A run's folder: its lock, and which settings may change."""

from pathlib import Path

import pytest

from nnloop.errors import RunFolderError
from nnloop.runs.folder import RunDir


def test_a_folder_in_use_is_refused_with_its_holder(tmp_path: Path, configure) -> None:
    run = RunDir(tmp_path / "run")
    run.open(configure("llm=random", "dataset=digits"))
    with run.lock(), pytest.raises(RunFolderError, match=r"in use by process \d+ on "), RunDir(run.path).lock():
        pass
    with run.lock():
        pass


def test_settings_of_place_may_change_between_starts(tmp_path: Path, configure) -> None:
    RunDir(tmp_path).open(configure("llm=random", "dataset=digits"))
    RunDir(tmp_path).open(configure("llm=random", "dataset=digits", "executor.workers=1", "tracker=none"))


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        RunDir(tmp_path).settings()
