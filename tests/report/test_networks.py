"""The rows of a run's networks agree with its archive."""

from pathlib import Path

from fake_run import make_run

from nnloop.report.measures.read import read
from nnloop.report.networks import trained_networks


def test_each_distinct_network_is_a_row_with_its_parent_and_the_diff_from_it(tmp_path: Path) -> None:
    make_run(tmp_path / "run", cycles=2, candidates=6)
    run = read(tmp_path / "run")
    rows = trained_networks(run)
    assert [(row.id, row.cycle, row.slot) for row in rows] == [
        (entry.candidate, entry.cycle, entry.slot) for entry in run.networks
    ]
    for row in rows:
        known = run.corpus.get(row.parent)
        assert row.parent_name == (known.name if known else row.parent)
        parent = known or run.by_id[row.parent]
        assert row.parent_accuracy == parent.val_accuracy
        assert row.diff == run.diff(row.parent, row.id)
        assert row.code == (tmp_path / "run/code" / f"{row.id}.py").read_text()
