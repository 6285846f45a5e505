from pathlib import Path

import pytest
from fake_run import make_run, without_valid_networks

from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.runs.folder import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_a_run_without_a_valid_network_has_a_summary(run: RunDir) -> None:
    without_valid_networks(run)
    assert "0.0 [0.0, 49.0]" in summary(read(run.path))


def test_entries_of_an_open_cycle_are_left_out(run: RunDir) -> None:
    run.report(2).unlink()
    assert {entry.cycle for entry in read(run.path).entries} == {0, 1}


def test_the_lineage_of_a_network_ends_in_the_corpus(run: RunDir) -> None:
    source = read(run.path)
    line = source.lineage(str(source.networks[0].candidate))
    assert line[-1] in source.corpus
    assert source.title(line[-1]).startswith("plain_")
