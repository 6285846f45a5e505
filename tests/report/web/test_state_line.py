from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run, open_last_cycle

from nnloop.report.measures.read import read
from nnloop.report.web.state_line import stage_of, state_line
from nnloop.runs.state import RunState, Stage


def test_a_complete_run_has_finished_however_its_process_ended(tmp_path: Path) -> None:
    run = read(make_run(tmp_path / "run").path)
    for stage in (Stage.KILLED, Stage.STOPPED):
        assert stage_of(replace(run, state=RunState(stage))) is Stage.FINISHED
    assert "<b>finished</b>" in state_line(run)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.FINISHED])
def test_the_stages_of_a_run_that_is_not_complete_are_told_apart(tmp_path: Path, stage: Stage) -> None:
    folder = make_run(tmp_path / "run")
    open_last_cycle(folder, completions=3)
    run = read(folder.path).so_far
    lines = {stage: state_line(replace(run, state=RunState(stage, "<why>"))) for stage in Stage}
    assert len(set(lines.values())) == len(Stage)
    assert "2 of 3 cycles are closed, 3 of 8 completions of cycle 3 are judged; the cause: &lt;why&gt;" in lines[stage]
    assert ("data-written" in lines[stage]) is (stage is Stage.RUNNING)


def test_a_budget_can_finish_a_run_before_its_last_cycle(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", cycles=2, budget={"hours": 1, "tokens": None})
    assert "finished by its budget: 2 of 3 cycles are closed" in state_line(read(folder.path))
