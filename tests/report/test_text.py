"""Sentences about a run."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run

from nnloop.measures import BEST, VALID
from nnloop.records import Interval
from nnloop.report import read_each, write_overview, write_run_page
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.report.text import closing_line, duration, interval, plain_interval, shown, why_none_admitted
from nnloop.runs.durable import write_json

FACES = {"val": [116, 84], "test": [123, 77], "train": [9, 6]}


def test_the_balance_of_the_classes_is_shown_beside_accuracies(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_json(run.dataset, {"name": "celeba", "fingerprint": "f", "classes": FACES})
    write_run_page(read(run.path))
    write_overview(read_each([run.path, make_run(tmp_path / "other", seed=1).path]), tmp_path / "report.html")
    said = "always answering the commonest class gives 58.0 % (test 61.5 %)"
    assert said in run.page.read_text()
    assert said in (tmp_path / "report.html").read_text()
    assert said in summary(read(run.path))


def test_balanced_classes_are_not_spoken_of(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_json(run.dataset, {"name": "digits", "fingerprint": "f", "classes": {"val": [30] * 10, "test": [29] * 10}})
    assert read(run.path).balance is None


@pytest.mark.parametrize(
    ("above", "admitted", "reason"),
    [(0.0, 0, "none reached admission.min_accuracy"), (0.5, 0, "too near to known ones"), (0.5, 1, None)],
)
def test_a_run_that_admitted_nothing_says_why(tmp_path: Path, above: float, admitted: int, reason: str | None) -> None:
    first = make_run(tmp_path / "run", 1, 4).reports()[0]
    counts = replace(first.counts, admitted=admitted)
    report = replace(first, share_above=Interval(above, 0.0, 1.0), counts=counts)
    said = why_none_admitted([report])
    assert said is None if reason is None else reason in str(said)
    none_valid = replace(report, valid_rate=Interval(0.0, 0.0, 0.3), counts=replace(counts, admitted=0))
    assert why_none_admitted([none_valid]) == "no completion was valid"


def test_durations_read_as_a_person_says_them() -> None:
    assert [duration(8.44), duration(185), duration(3725), duration(None)] == ["8.4 s", "3:05", "1:02:05", "-"]


def test_an_interval_stands_behind_its_value_unless_it_is_unknown() -> None:
    known, unknown = Interval(0.625, 0.484, 0.748), Interval(0.625, float("nan"), float("nan"))
    assert [interval(one) for one in (known, unknown, None)] == ["62.5 [48.4, 74.8]", "62.5", "-"]
    assert plain_interval(Interval(1234.5, 1000, 2000)) == "1,234 [1,000, 2,000]"
    assert [plain_interval(one) for one in (known, unknown, None)] == ["0.625 [0.484, 0.748]", "0.625", "-"]


def test_a_measure_is_shown_with_its_digits() -> None:
    assert [shown(BEST, 0.5), shown(BEST, None)] == ["50.00", "-"]
    assert shown(VALID, Interval(0.5, 0.25, 0.75)) == "50.0 [25.0, 75.0]"


def test_a_closing_line_names_retries_and_dropped_items_if_there_are_any(tmp_path: Path) -> None:
    report = make_run(tmp_path / "run", 1, 4).reports()[0]
    assert "retries" not in closing_line(report, 3)
    counts = replace(report.counts, retries=3, retries_valid=2, dropped=1)
    assert "2 of 3 retries valid, 1 items did not fit" in closing_line(replace(report, counts=counts), 3)
