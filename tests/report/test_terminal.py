from pathlib import Path

import pytest
from fake_run import make_run, without_valid_networks

from nnloop.report import write_run_page
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_the_summary_has_a_line_per_cycle_and_says_where_everything_lies(run: RunFolder) -> None:
    write_run_page(read(run.path))
    lines = summary(read(run.path)).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["1", "2", "3", "all"]
    places = dict(line.split(maxsplit=1) for line in lines if line.startswith(("report", "archive", "networks")))
    assert places == {"report": str(run.page), "archive": str(run.archive), "networks": str(run.path / "code")}
    assert any(line.startswith("best network") for line in lines)
    assert lines[-1] == f"report        {run.page}"


def test_a_run_without_a_valid_network_has_a_summary(run: RunFolder) -> None:
    without_valid_networks(run)
    assert "0.0 [0.0, 49.0]" in summary(read(run.path))
