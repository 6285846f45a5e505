import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fake_run import make_run

from nnloop.jobs import report as job
from nnloop.measures import COMPARED
from nnloop.records import Status
from nnloop.report.measures.read import read
from nnloop.settings import ReportJobSettings


def job_settings(runs: Path, summaries: Path | None = None) -> Any:
    job = ReportJobSettings("report", last_cycles=2, baseline=None)
    return SimpleNamespace(runs=str(runs), summaries=summaries and str(summaries), job=job)


def report_of(runs: Path, summaries: Path | None = None) -> Path:
    """Run the job; the folder that its page lies in."""
    out = io.StringIO()
    job.run(job_settings(runs, summaries), runs, out)
    return Path(out.getvalue().strip()).parent


def test_a_report_from_summaries_is_the_report_from_the_run_folders(tmp_path: Path) -> None:
    for llm in ("tiny", "random"):
        for seed in (0, 1):
            make_run(tmp_path / "runs" / f"{llm}-digits-delta-s{seed}", 4, 8, seed, llm=llm)
    kept = tmp_path / "kept"
    from_folders = report_of(tmp_path / "runs", kept) / "report"
    assert len(list(kept.glob("*.json"))) == 4
    from_summaries = report_of(kept) / "report"
    names = {path.name for path in from_folders.iterdir()}
    assert names >= {
        "runs-1.csv",
        "differences-1.csv",
        "ranking-1-completions.tex",
        "by-cycle-1.svg",
        "differences-1.png",
    }
    for name in names:
        assert (from_folders / name).read_bytes() == (from_summaries / name).read_bytes(), name
    assert body(from_folders.parent / "report.html") == body(from_summaries.parent / "report.html")


def body(page: Path) -> str:
    """A page below its title, without the addresses of other pages."""
    return re.sub(r'href="[^"]*"', "", page.read_text().split("</h1>")[1])


def test_a_report_from_a_pack_is_the_report_from_the_run_folders(tmp_path: Path) -> None:
    for seed in (0, 1):
        make_run(tmp_path / "runs" / f"tiny-digits-delta-s{seed}", 3, 6, seed)
    from_folders = report_of(tmp_path / "runs", tmp_path / "kept" / "sweep.jsonl.xz")
    from_pack = report_of(tmp_path / "kept" / "sweep.jsonl.xz")
    assert from_pack == tmp_path / "kept" / "sweep"
    assert {path.name for path in (from_pack / "report").iterdir()} >= {"tiny-digits-delta-s0.html", "runs-1.csv"}
    for name in ("runs-1.csv", "arms-1.csv"):
        assert (from_folders / "report" / name).read_bytes() == (from_pack / "report" / name).read_bytes()
    assert body(from_folders / "report.html") == body(from_pack / "report.html")


def test_a_summary_holds_all_that_its_run_tells_but_completions_and_the_code_of_poor_networks(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 2, 8)
    report_of(run.path, tmp_path / "kept")
    found, kept = read(run.path), read(tmp_path / "kept" / "run.json")
    assert (kept.name, kept.folder, kept.reports) == (found.name, None, found.reports)
    assert [kept.of(measure) for measure in COMPARED] == [found.of(measure) for measure in COMPARED]
    assert [entry.val_accuracy for entry in kept.entries] == [entry.val_accuracy for entry in found.entries]
    assert kept.corpus_best == found.corpus_best
    best = str(found.networks[0].candidate)
    assert [kept.title(name) for name in kept.lineage(best)] == [found.title(name) for name in found.lineage(best)]
    assert kept.code(best) == found.code(best)
    assert [bool(kept.code(str(one.candidate))) for one in found.networks[:17]] == [True] * min(
        16, len(found.networks)
    ) + [False] * (len(found.networks[:17]) - 16)


def test_a_summary_does_not_say_where_anything_lay(tmp_path: Path) -> None:
    data = {"name": "digits", "title": "Digits", "classes": 10, "root": "/somewhere/of/mine"}
    run = make_run(tmp_path / "run", 1, 4, dataset=data, summaries="/somewhere/else")
    report_of(run.path, tmp_path / "kept")
    assert "/somewhere" not in (tmp_path / "kept" / "run.json").read_text()


def test_a_summary_without_a_valid_completion_can_be_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 1, 4)
    dead = [replace(e, status=Status.UNPARSEABLE, result=None, novelty=None, candidate=None) for e in run.entries()]
    run.archive.write_text("".join(entry.line() + "\n" for entry in dead))
    report_of(run.path, tmp_path / "kept")
    assert [entry.result for entry in read(tmp_path / "kept" / "run.json").entries] == [None] * 4
