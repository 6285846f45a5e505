from pathlib import Path

import pytest
from entries import generation
from fake_run import make_run, without_valid_networks

from nnloop.records import Entry, Status
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
    text = summary(read(run.path))
    assert "0.0 [0.0, 49.0]" in text
    assert "\nstatuses: 4 crashed\n" in text


def test_a_run_without_a_valid_network_says_why(run: RunFolder) -> None:
    reasons = ["the source has no line 'a'", "the source has no line 'b'", "no diff\nin the answer"]
    dead = [
        Entry(generation(slot), None, Status.PATCH_FAILED if slot < 2 else Status.UNPARSEABLE, reason=reason)
        for slot, reason in enumerate(reasons)
    ]
    run.archive.write_text("".join(entry.line() + "\n" for entry in dead))
    lines = summary(read(run.path)).splitlines()
    at = lines.index("statuses: 2 patch_failed, 1 unparseable")
    assert lines[at + 1 : at + 4] == [
        "commonest reasons:",
        "    2 patch_failed: the source has no line 'a'",
        "    1 unparseable: no diff in the answer",
    ]


def test_a_run_with_valid_networks_lists_no_reasons(run: RunFolder) -> None:
    assert "statuses:" not in summary(read(run.path))
