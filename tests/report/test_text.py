"""Sentences about a run."""

from pathlib import Path

from fake_run import make_run

from nnloop.report import write_overview, write_run_page
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.runs.durable import write_json

FACES = {"val": [116, 84], "test": [123, 77], "train": [9, 6]}


def test_the_balance_of_the_classes_is_shown_beside_accuracies(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_json(run.dataset, {"name": "celeba", "fingerprint": "f", "classes": FACES})
    write_run_page(read(run.path))
    write_overview([run.path, make_run(tmp_path / "other", seed=1).path], tmp_path / "report.html")
    said = "always answering the commonest class gives 58.0 % (test 61.5 %)"
    assert said in run.page.read_text()
    assert said in (tmp_path / "report.html").read_text()
    assert said in summary(read(run.path))


def test_balanced_classes_are_not_spoken_of(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_json(run.dataset, {"name": "digits", "fingerprint": "f", "classes": {"val": [30] * 10, "test": [29] * 10}})
    assert read(run.path).balance is None
