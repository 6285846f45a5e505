import csv
import io
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_run import make_run

from nnloop.errors import RunFolderError
from nnloop.jobs import report as report_job
from nnloop.jobs import validate
from nnloop.records import Status, Trial, TrialResult
from nnloop.report.measures.read import read
from nnloop.report.measures.validation import (
    ValidationReport,
    read_validations,
)
from nnloop.runs.folder import RunFolder
from nnloop.settings import ReportJobSettings, ValidateJobSettings


class Executor:
    """Gives each network the accuracy that `long` names for its proxy accuracy, at once."""

    def __init__(self, run: RunFolder, long: Any = lambda proxy: proxy / 2) -> None:
        self.proxy = {str(entry.candidate): entry.val_accuracy for entry in read(run.path).networks}
        self.long = long
        self.trials: list[Trial] = []

    def submit(self, trial: Trial) -> Future[TrialResult]:
        self.trials.append(trial)
        accuracy = self.long(self.proxy[trial.candidate.id])
        status = Status.OK if accuracy is not None else Status.TIMEOUT
        future: Future[TrialResult] = Future()
        curve = [[5, accuracy / 2], [50, accuracy]] if accuracy else []
        figures = {"val_accuracy": accuracy, "test_accuracy": accuracy, "params": 10, "curve": curve}
        future.set_result(TrialResult(status, **figures, seconds=3.0))
        return future


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "runs" / "tiny-digits-delta-s0", cycles=4, candidates=12)


def settings(
    runs: Path, dataset: str = "digits", summaries: Path | None = None, rule: str = "stratified", networks: int = 20
) -> Any:
    return SimpleNamespace(
        runs=str(runs),
        summaries=summaries and str(summaries),
        seed=0,
        dataset=SimpleNamespace(name=dataset, title="Digits"),
        proxy=SimpleNamespace(name="long", epochs=50),
        executor=SimpleNamespace(wall_s=10.0, memory_gb=1.0),
        job=ValidateJobSettings("validate", networks=networks, checkpoint_epochs=5, rule=rule),
    )


def report_settings(runs: Path) -> Any:
    job = ReportJobSettings("report", last_cycles=None, baseline=None)
    return SimpleNamespace(runs=str(runs), summaries=None, job=job)


def go(
    run: RunFolder, executor: Executor, rule: str = "stratified", networks: int = 20
) -> tuple[ValidationReport, str]:
    folder, out = run.path.parent / "validate", io.StringIO()
    folder.mkdir(exist_ok=True)
    validate.validate(settings(run.path, rule=rule, networks=networks), executor, folder=folder, out=out)
    return read_validations(folder / "validation.json")[0].report, out.getvalue()


def test_a_proxy_that_keeps_the_order_has_rho_one(run: RunFolder) -> None:
    found, said = go(run, Executor(run))
    assert found.correlation.rho is not None
    assert found.correlation.rho.value == pytest.approx(1.0)
    assert (found.correlation.n, found.first_rank, found.regret) == (20, 1, 0.0)
    assert said.startswith("rho 1.00 [1.00, 1.00]")
    assert said.endswith("validation.html\n")


def test_a_proxy_that_reverses_the_order_has_rho_minus_one(run: RunFolder) -> None:
    found, _ = go(run, Executor(run, lambda proxy: 1 - proxy))
    assert found.correlation.rho is not None
    assert found.correlation.rho.value == pytest.approx(-1.0)
    assert found.first_rank == 20


def test_a_long_trial_gets_the_time_limit_for_each_of_its_epochs(run: RunFolder) -> None:
    executor = Executor(run)
    go(run, executor, networks=1)
    assert (executor.trials[0].limits.wall_s, executor.trials[0].epochs) == (500.0, 50)


def test_long_trials_that_fail_are_counted_and_no_pairs(run: RunFolder) -> None:
    found, _ = go(run, Executor(run, lambda proxy: proxy if proxy > 0.6 else None))
    assert found.failed["timeout"] > 0
    assert found.correlation.n + found.failed["timeout"] == found.chosen == 20


def test_a_job_started_again_repeats_no_finished_trial(run: RunFolder) -> None:
    first = go(run, Executor(run))
    again = Executor(run)
    assert go(run, again) == first
    assert again.trials == []


def test_the_stratified_rule_covers_the_range_and_the_top_rule_the_top(run: RunFolder) -> None:
    candidates = validate._proxy_trials([read(run.path)])
    spread = validate.select(candidates, 10, rule="stratified", seed=0)
    top = validate.select(candidates, 10, rule="top", seed=0)
    values = sorted((one.accuracy for one in candidates), reverse=True)
    assert [one.accuracy for one in top] == values[:10]
    width = values[0] - values[-1]
    assert spread[0].accuracy - spread[-1].accuracy > 0.7 * width > top[0].accuracy - top[-1].accuracy


def test_a_selection_is_the_same_for_the_same_seed(run: RunFolder) -> None:
    candidates = validate._proxy_trials([read(run.path)])
    for rule in validate.RULES:
        first, second = (validate.select(networks, 8, rule=rule, seed=3) for networks in (candidates, candidates[::-1]))
        assert first == second


def test_a_rule_is_stated_in_the_result_and_the_page(run: RunFolder) -> None:
    found, said = go(run, Executor(run), rule="top", networks=9)
    assert found.rule == "the networks with the highest proxy accuracy"
    assert found.rule in Path(said.splitlines()[-1]).read_text()


def test_runs_of_another_dataset_or_of_several_protocols_are_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="hold dataset digits, not mnist"):
        validate.validate(settings(run.path, "mnist"), Executor(run), folder=tmp_path, out=io.StringIO())
    make_run(run.path.parent / "other", 1, 4, proxy={"name": "lemur", "epochs": 1})
    with pytest.raises(RunFolderError, match="several protocols"):
        validate.validate(settings(run.path.parent), Executor(run), folder=tmp_path, out=io.StringIO())


def test_a_network_that_two_runs_found_counts_once(run: RunFolder) -> None:
    twice = [read(run.path), read(run.path)]
    assert len(validate._proxy_trials(twice)) == len(validate._proxy_trials(twice[:1]))


def test_the_page_draws_points_intervals_and_a_curve_a_network(run: RunFolder) -> None:
    _, said = go(run, Executor(run))
    page = Path(said.splitlines()[-1])
    drawn = page.read_text()
    assert drawn.count('class="band ') == 2
    assert drawn.count("% by the proxy</title>") == 20
    curves = list(csv.DictReader((page.parent / "curves.csv").read_text().splitlines()))
    assert [row["epoch"] for row in curves] == ["5", "50"] * 20


def test_a_summary_gives_the_page_tables_and_figures_again(run: RunFolder, tmp_path: Path) -> None:
    folder, kept = run.path.parent / "validate", tmp_path / "results"
    folder.mkdir()
    validate.validate(settings(run.path, summaries=kept), Executor(run), folder=folder, out=io.StringIO())
    (summary,) = kept.iterdir()
    assert summary.name == "validation-digits-50.json"
    out = io.StringIO()
    report_job.run(report_settings(kept), tmp_path, out)
    again = kept / "report" / summary.stem
    assert out.getvalue() == f"{again / 'validation.html'}\n"
    for name in ("validation.html", "validation.png", "validation.svg", "pairs.csv", "curves.csv"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    (kept / "another.json").write_bytes(summary.read_bytes())
    out = io.StringIO()
    report_job.run(report_settings(kept), tmp_path, out)
    assert out.getvalue().splitlines() == [
        str(kept / "report" / name / "validation.html") for name in ("another", summary.stem)
    ]
