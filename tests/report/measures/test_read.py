from pathlib import Path

import pytest
from fake_run import make_run

from nnloop.errors import RunFolderError
from nnloop.measures import DISTINCT
from nnloop.report.measures.read import read
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_entries_of_an_open_cycle_are_left_out(run: RunFolder) -> None:
    run.report(2).unlink()
    assert {entry.cycle for entry in read(run.path).entries} == {0, 1}


def test_the_lineage_of_a_network_ends_in_the_corpus(run: RunFolder) -> None:
    source = read(run.path)
    line = source.lineage(str(source.networks[0].candidate))
    assert line[-1] in source.corpus
    assert source.title(line[-1]).startswith("plain_")


def test_a_file_that_is_no_summary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"kind": "nnloop run summary"}')
    with pytest.raises(RunFolderError, match="no run summary of this version"):
        read(tmp_path / "x.json")


def test_a_difference_of_two_networks_names_them(run: RunFolder) -> None:
    source = read(run.path)
    best = source.networks[0]
    changes = source.diff(best.parent, str(best.candidate)).splitlines()
    assert changes[:2] == [f"--- {source.title(best.parent)}", f"+++ {best.candidate}"]
    assert source.diff(best.parent, best.parent) == source.diff(best.parent, "unknown") == ""


def test_networks_come_best_first_and_each_once(run: RunFolder) -> None:
    source = read(run.path)
    accuracies = [entry.val_accuracy or 0.0 for entry in source.networks]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len({entry.candidate for entry in source.networks}) == len(source.networks) == source.of(DISTINCT)


def test_a_run_with_a_budget_is_finished_after_any_cycle(tmp_path: Path) -> None:
    plain, limited = make_run(tmp_path / "a", 1, 4), make_run(tmp_path / "b", 1, 4, budget={"tokens": 5, "hours": None})
    assert [read(one.path).finished for one in (plain, limited)] == [False, True]
