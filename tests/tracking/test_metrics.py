"""W&B keys and table rows of one cycle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run

from nnloop.records import CycleReport, Status
from nnloop.runs.folder import RunFolder
from nnloop.tracking.metrics import COLUMNS, METRICS, RUN_COLUMNS, rows, scalars


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=2, candidates=6)


def test_a_table_takes_text_that_is_no_unicode(run: RunFolder) -> None:
    (row,) = rows(run.entries()[:1], {}, {(0, 0): "half a pair: \ud800"}, run=dict.fromkeys(RUN_COLUMNS, "x"))
    assert row[COLUMNS.index("completion")] == "half a pair: \\ud800"


def test_numbers_that_a_cycle_lacks_are_left_out(run: RunFolder) -> None:
    report = run.reports()[0]
    costs = replace(report.costs, seconds={})
    row = scalars(replace(report, mean_accuracy=None, best_accuracy=None, finetune=None, costs=costs))
    assert {"accuracy/mean", "accuracy/mean_low", "accuracy/best", "finetune/loss", "seconds/total"} & set(row) == set()
    assert row["status/tampered"] == 0


def test_every_number_of_a_report_has_a_key(run: RunFolder) -> None:
    report = run.reports()[0]
    told = {f"status/{status}" for status in Status} | {f"seconds/{stage}" for stage in report.costs.seconds}
    assert told <= set(METRICS)
    read_fields = {name for metric in METRICS.values() for name in _fields_read(metric.read, report)}
    skipped = {"adapter", "before", "best_candidate", "cycle"}  # before: its steps are logged, one by one
    assert read_fields - {"costs_per_admitted"} == {name for name in CycleReport.__slots__ if name not in skipped}


def _fields_read(read: Any, report: CycleReport) -> set[str]:
    seen: set[str] = set()

    class Spy:
        def __getattr__(self, name: str) -> Any:
            seen.add(name)
            return getattr(report, name)

    read(Spy())
    return seen
