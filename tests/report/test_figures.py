from pathlib import Path

import pytest
from arms import three_arms
from fake_run import make_run
from validations import report_on, some_pairs

from nnloop.report import figures
from nnloop.report.arm_panels import CONTRASTED, arm_panels
from nnloop.report.figures import figure
from nnloop.report.measures.compare import compare
from nnloop.report.measures.read import read
from nnloop.report.measures.validation import Validation
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_the_figure_of_a_run_is_the_same_every_time(run: RunFolder, tmp_path: Path) -> None:
    for suffix in (".png", ".svg"):
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        figure(read(run.path), first)
        figure(read(run.path), second)
        assert first.stat().st_size > 5000
        assert first.read_bytes() == second.read_bytes()


def test_arms_differences_and_a_validation_have_their_pictures(tmp_path: Path) -> None:
    comparison, pairs = compare(three_arms(tmp_path), "p"), some_pairs()
    figures.by_cycle(comparison, tmp_path / "arms.svg")
    figures.differences(comparison, tmp_path / "differences.svg")
    figures.validation(Validation(report_on(pairs), pairs, tmp_path), tmp_path / "validation.svg")
    for name, drawn in (("arms", len(arm_panels(comparison))), ("differences", len(CONTRASTED)), ("validation", 3)):
        assert (tmp_path / f"{name}.svg").read_text().count('<g id="axes_') == drawn
