import csv
import io
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_run import make_run, make_sweep

from nnloop.errors import RunFolderError
from nnloop.jobs import report as job
from nnloop.measures import VALID
from nnloop.report import write_run_page
from nnloop.report.figures import figure
from nnloop.report.measures.read import read
from nnloop.report.tables import CYCLE_COLUMNS, to_csv, to_latex
from nnloop.report.terminal import summary
from nnloop.report.text import duration, interval
from nnloop.runs.folder import RunDir
from nnloop.settings import ReportJobSettings


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return make_sweep(tmp_path / "sweep")


def settings(runs: object, summaries: object = None) -> Any:
    job = ReportJobSettings("report", last_cycles=None, baseline=None)
    return SimpleNamespace(runs=str(runs), summaries=summaries and str(summaries), job=job)


def test_the_job_reports_on_one_run(run: RunDir, tmp_path: Path) -> None:
    out = io.StringIO()
    job.run(settings(run.path), tmp_path, out)
    assert out.getvalue() == f"{run.page}\n"
    assert run.page.exists()


def test_the_job_reports_on_a_folder_of_runs_with_tables_and_figures(runs: list[Path], tmp_path: Path) -> None:
    for extra in runs[2:]:
        shutil.rmtree(extra)
    runs = runs[:2]
    out = io.StringIO()
    job.run(settings(tmp_path / "sweep"), tmp_path, out)
    assert out.getvalue() == f"{tmp_path / 'sweep' / 'report.html'}\n"
    assert all((path / "report.html").exists() for path in runs)
    assert {path.name for path in (runs[0] / "report").iterdir()} == {
        *("cycles.csv", "cycles.tex", "figure.png", "figure.svg"),
    }
    assert {path.name for path in (tmp_path / "sweep" / "report").iterdir()} == {
        *("runs-1.csv", "runs-1.tex", "by-cycle-1.png", "by-cycle-1.svg"),
        *(f"{table}-1.{kind}" for table in ("arms", "arms-by-cycle") for kind in ("csv", "tex")),
    }
    rows = list(csv.DictReader((tmp_path / "sweep" / "report" / "runs-1.csv").read_text().splitlines()))
    assert [row["run"] for row in rows] == [path.name for path in sorted(runs)]
    assert float(rows[0]["valid"]) == pytest.approx(VALID.read(read(sorted(runs)[0]).entries), rel=1e-5)


def test_a_table_by_cycle_carries_its_intervals(run: RunDir) -> None:
    first = run.reports()[0]
    row = next(csv.DictReader(io.StringIO(to_csv(CYCLE_COLUMNS, run.reports()))))
    assert (float(row["valid_low"]), float(row["valid_high"])) == pytest.approx(
        (first.valid_rate.low, first.valid_rate.high), rel=1e-5
    )
    assert interval(first.valid_rate) in to_latex(CYCLE_COLUMNS, run.reports(), "caption")


def test_a_number_that_a_cycle_lacks_is_empty_in_csv_and_a_dash_in_latex(run: RunDir) -> None:
    report = replace(run.reports()[0], mean_accuracy=None, best_accuracy=None)
    row = next(csv.DictReader(io.StringIO(to_csv(CYCLE_COLUMNS, [report]))))
    assert (row["mean"], row["mean_low"], row["best"]) == ("", "", "")
    assert " & - & - & " in to_latex(CYCLE_COLUMNS, [report], "")


def test_latex_specials_are_escaped(run: RunDir) -> None:
    assert r"\caption{50\% of a\_b \& c\textbackslash{}}" in to_latex(CYCLE_COLUMNS, [], "50% of a_b & c\\")


def test_the_job_takes_a_glob(runs: list[Path], tmp_path: Path) -> None:
    found = job.find_runs(str(tmp_path / "sweep" / "random-*"))
    assert [path.name for path in found] == ["random-digits-delta-s0", "random-digits-delta-s1"]


def test_the_job_refuses_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        job.run(settings(tmp_path / "none"), tmp_path, io.StringIO())
    with pytest.raises(RunFolderError, match="no run folder there"):
        job.run(settings(tmp_path), tmp_path, io.StringIO())


def test_the_summary_has_a_line_per_cycle_and_says_where_everything_lies(run: RunDir) -> None:
    write_run_page(read(run.path))
    lines = summary(read(run.path)).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["1", "2", "3", "all"]
    places = dict(line.split(maxsplit=1) for line in lines if line.startswith(("report", "archive", "networks")))
    assert places == {"report": str(run.page), "archive": str(run.archive), "networks": str(run.path / "code")}
    assert any(line.startswith("best network") for line in lines)
    assert lines[-1] == f"report        {run.page}"


def test_the_figure_of_a_run_is_the_same_every_time(run: RunDir, tmp_path: Path) -> None:
    for suffix in (".png", ".svg"):
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        figure(read(run.path), first)
        figure(read(run.path), second)
        assert first.stat().st_size > 5000
        assert first.read_bytes() == second.read_bytes()


def test_durations_read_as_a_person_says_them() -> None:
    assert [duration(8.44), duration(185), duration(3725), duration(None)] == ["8.4 s", "3:05", "1:02:05", "-"]


def test_importing_the_report_loads_neither_torch_nor_matplotlib_nor_wandb() -> None:
    source = (
        "import sys, nnloop.report, nnloop.report.progress, nnloop.report.terminal, nnloop.jobs.report;"
        "print(sorted({'wandb', 'torch', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout == "[]\n"
