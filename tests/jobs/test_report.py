import csv
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_run import make_run, make_sweep

from nnloop.errors import RunFolderError
from nnloop.jobs import report as job
from nnloop.measures import VALID
from nnloop.report.measures.read import read
from nnloop.runs.folder import RunFolder
from nnloop.settings import ReportJobSettings


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return make_sweep(tmp_path / "sweep")


def settings(runs: object, summaries: object = None) -> Any:
    job = ReportJobSettings("report", last_cycles=None, baseline=None)
    return SimpleNamespace(runs=str(runs), summaries=summaries and str(summaries), job=job)


def test_the_job_reports_on_one_run(run: RunFolder, tmp_path: Path) -> None:
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


def test_the_job_takes_a_glob(runs: list[Path], tmp_path: Path) -> None:
    found = job.find_runs(str(tmp_path / "sweep" / "random-*"))
    assert [path.name for path in found] == ["random-digits-delta-s0", "random-digits-delta-s1"]


def test_the_job_refuses_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        job.run(settings(tmp_path / "none"), tmp_path, io.StringIO())
    with pytest.raises(RunFolderError, match="no run folder there"):
        job.run(settings(tmp_path), tmp_path, io.StringIO())
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunFolderError, match="older version"):
        job.run(settings(tmp_path), tmp_path, io.StringIO())


def test_importing_the_report_loads_neither_torch_nor_matplotlib_nor_wandb() -> None:
    source = (
        "import sys, nnloop.report, nnloop.report.progress, nnloop.report.terminal, nnloop.jobs.report;"
        "print(sorted({'wandb', 'torch', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_each_run_is_read_once(runs: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (runs[0] / "run.json").write_text("3")
    job.run(settings(tmp_path / "sweep"), tmp_path, io.StringIO())
    assert caplog.text.count("run.json is missing or damaged") == 1


def test_a_damaged_run_is_left_out_of_a_folder_s_page_but_of_no_summary(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "run.json").write_text("3")
    for extra in runs[3:]:
        shutil.rmtree(extra)
    out = io.StringIO()
    job.run(settings(tmp_path / "sweep"), tmp_path, out)
    assert "run.json is missing or damaged" in Path(out.getvalue().strip()).read_text()
    with pytest.raises(RunFolderError, match="damaged"):
        job.run(settings(tmp_path / "sweep", summaries=tmp_path / "kept"), tmp_path, out)


def hostile(run: RunFolder, **changes: Any) -> None:
    """Change facts of the first entry of a run's archive."""
    first, *rest = run.archive.read_text().splitlines()
    row = json.loads(first)
    row |= {name: value for name, value in changes.items() if name in row}
    row["generation"] |= {name: value for name, value in changes.items() if name in row["generation"]}
    run.archive.write_text("\n".join([json.dumps(row), *rest, ""]))


@pytest.mark.parametrize(
    "changes", [{"candidate": "../../secret"}, {"parent": "../../secret"}, {"candidate": "/etc/x"}]
)
def test_an_id_that_leads_to_another_file_is_refused(run: RunFolder, changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("SECRET")
    hostile(run, **changes)
    with pytest.raises(RunFolderError, match="is no id of a network"):
        job.run(settings(run.path), tmp_path, io.StringIO())
    assert not run.page.exists()


@pytest.mark.parametrize("name", ["archive.jsonl", "run.json", "corpus.jsonl", "code/@", "completions/0000.jsonl"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_that_is_a_link_out_or_a_pipe_is_not_read(run: RunFolder, name: str, kind: str, tmp_path: Path) -> None:
    known = next(entry.candidate for entry in run.entries() if entry.candidate and run.code(entry.candidate).exists())
    file = run.path / name.replace("@", f"{known}.py")
    secret = tmp_path / "secret"
    file.rename(secret)
    if kind == "link":
        file.symlink_to(secret)
    else:
        os.mkfifo(file)
    with pytest.raises(RunFolderError, match=r"leads out|plain file|missing or damaged"):
        job.run(settings(run.path), tmp_path, io.StringIO())


def test_tables_are_not_written_through_a_link(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run.path / "report").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match="report: leads out of its folder"):
        job.run(settings(run.path), tmp_path, io.StringIO())
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "x"),
        ("seed", 1e999),
        ("cycles", None),
        ("budget", 7),
        ("proxy", {"epochs": []}),
        ("admission", {"min_accuracy": {}}),
    ],
)
def test_settings_of_another_type_are_told_in_one_line(run: RunFolder, key: str, value: Any, tmp_path: Path) -> None:
    about = json.loads(run.meta.read_text())
    about["settings"][key] = value
    run.meta.write_text(json.dumps(about))
    with pytest.raises(RunFolderError, match="its settings are not as nnloop writes them"):
        job.run(settings(run.path), tmp_path, io.StringIO())


def test_a_pack_that_unfolds_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnloop.report.measures.packs.LARGEST_PACK", 1 << 20)
    (tmp_path / "bomb.jsonl.xz").write_bytes(lzma.compress(bytes(10 << 20)))
    with pytest.raises(RunFolderError, match="more than a result file may"):
        job.run(settings(tmp_path), tmp_path, io.StringIO())
