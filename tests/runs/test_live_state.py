"""live.json is written seldom, whole, and through no link."""

import json
from dataclasses import replace
from pathlib import Path

from nnloop.runs.live_state import LiveFile, LiveState, RunningTrial

STATE = LiveState("cycle", 0, "generating", candidates=8, trials=[RunningTrial("abc", 0, 3, since=1.0)])


def test_the_file_is_written_at_another_stage_and_at_most_once_a_second_otherwise(tmp_path: Path) -> None:
    now = [10.0]
    path = tmp_path / "live.json"
    live = LiveFile(path, clock=lambda: now[0])
    live.write(STATE)
    live.write(replace(STATE, written=1))
    assert LiveState.from_json(json.loads(path.read_text())) == STATE
    live.write(replace(STATE, stage="evaluating"))
    assert json.loads(path.read_text())["stage"] == "evaluating"
    now[0] += 1.1
    live.write(replace(STATE, stage="evaluating", written=5))
    assert json.loads(path.read_text())["written"] == 5
    assert [one.name for one in tmp_path.iterdir()] == ["live.json"]


def test_a_link_in_its_place_is_replaced_and_a_folder_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    (tmp_path / "live.json").symlink_to(other)
    LiveFile(tmp_path / "live.json").write(STATE)
    assert other.read_text() == "kept"
    LiveFile(tmp_path / "gone" / "live.json").write(STATE)
