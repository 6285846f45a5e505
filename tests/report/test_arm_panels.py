from dataclasses import replace
from pathlib import Path

from arms import run_of, three_arms

from nnloop.report.arm_panels import BY_CYCLE, arm_panels
from nnloop.report.measures.compare import compare


def test_every_measure_has_a_curve_for_each_arm_in_its_colour(tmp_path: Path) -> None:
    comparison = compare(three_arms(tmp_path), "p")
    panels = arm_panels(comparison)
    assert [one.title for one in panels[:-1]] == list(BY_CYCLE.values())
    for panel in panels[:-1]:
        assert [(one.name, one.colour) for one in panel.series] == [
            (arm.name, i) for i, arm in enumerate(comparison.arms)
        ]
    valid = [row.measures["valid"].value for row in comparison.by_cycle if row.arm == comparison.arms[0].name]
    assert [point.y for point in panels[0].series[0].points] == valid


def test_tokens_by_mode_are_drawn_only_of_runs_that_wrote_some(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    silent = [replace(one, generation=replace(one.generation, tokens=0)) for one in run.entries]
    titles = [{one.title for one in arm_panels(compare([each], "p"))} for each in (run, replace(run, entries=silent))]
    assert titles[0] - titles[1] == {"Tokens per completion by mode"}
