import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from arms import run_of, three_arms
from fake_run import make_run

from nnloop.measures import COMPARED
from nnloop.report.measures.compare import compare
from nnloop.report.tables import (
    ARM_CYCLE_COLUMNS,
    CYCLE_COLUMNS,
    DIFFERENCE_COLUMNS,
    RANKING_COLUMNS,
    Column,
    to_csv,
    to_latex,
    write_comparison,
)
from nnloop.report.text import interval
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_a_table_by_cycle_carries_its_intervals(run: RunFolder) -> None:
    first = run.reports()[0]
    row = next(csv.DictReader(io.StringIO(to_csv(CYCLE_COLUMNS, run.reports()))))
    assert (float(row["valid_low"]), float(row["valid_high"])) == pytest.approx(
        (first.valid_rate.low, first.valid_rate.high), rel=1e-5
    )
    assert interval(first.valid_rate) in to_latex(CYCLE_COLUMNS, run.reports(), "caption")


def test_a_number_that_a_cycle_lacks_is_empty_in_csv_and_a_dash_in_latex(run: RunFolder) -> None:
    report = replace(run.reports()[0], mean_accuracy=None, best_accuracy=None)
    row = next(csv.DictReader(io.StringIO(to_csv(CYCLE_COLUMNS, [report]))))
    assert (row["mean"], row["mean_low"], row["best single trial"]) == ("", "", "")
    assert " & - & - & " in to_latex(CYCLE_COLUMNS, [report], "")


def test_latex_specials_are_escaped(run: RunFolder) -> None:
    assert r"\caption{50\% of a\_b \& c\textbackslash{}}" in to_latex(CYCLE_COLUMNS, [], "50% of a_b & c\\")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r@x"])
def test_no_cell_of_a_csv_begins_a_formula(name: str) -> None:
    assert to_csv((Column("name", lambda each: str(each)),), [name]).splitlines()[1].lstrip('"').startswith("'")
    assert to_csv((Column("name", lambda each: float(each)),), ["-1"]) == "name\n-1\n"


def test_a_single_seed_has_no_interval(tmp_path: Path) -> None:
    found = compare([run_of(tmp_path, 0)], "p")
    assert all(one.interval is None for row in found.by_cycle for one in row.measures.values())
    row = next(csv.DictReader(io.StringIO(to_csv(ARM_CYCLE_COLUMNS, found.by_cycle))))
    assert row["valid"] != "" == row["valid_low"]


def test_the_tables_of_a_comparison_carry_every_measure(tmp_path: Path) -> None:
    found = compare(three_arms(tmp_path), "p")
    ranked = found.rankings["completions"][1]
    for columns, rows in ((ARM_CYCLE_COLUMNS, found.by_cycle), (RANKING_COLUMNS, ranked)):
        head = to_csv(columns, rows).splitlines()[0].split(",")
        assert {measure.name for measure in COMPARED} <= set(head)
        assert {f"{measure.name}_low" for measure in COMPARED} <= set(head)
    rows = list(csv.DictReader(io.StringIO(to_csv(DIFFERENCE_COLUMNS, found.differences))))
    assert {(row["arm"], row["minus"]) for row in rows} >= {("llm=tiny, finetune=lora", "llm=tiny, finetune=off")}


def test_a_comparison_writes_its_tables_as_csv_and_latex(tmp_path: Path) -> None:
    write_comparison(compare(three_arms(tmp_path), "p"), tmp_path / "tables", 1)
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    tables = ("arms-by-cycle-1", "arms-1", "differences-1", "ranking-1-completions")
    assert {f"{name}.{kind}" for name in tables for kind in ("csv", "tex")} <= names
