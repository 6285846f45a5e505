"""The list of the runs of one name costs little and names every run."""

from pathlib import Path

from fake_run import make_run

from nnloop.report import write_index
from nnloop.report.measures.read import read_reports
from nnloop.report.text import interval, percent
from nnloop.report.web.index_page import index_page


def test_each_run_has_a_row_with_its_figures_and_a_link_to_its_page(tmp_path: Path) -> None:
    runs = [run for seed in (0, 1) for run in read_reports(make_run(tmp_path / f"run {seed}", seed=seed).path)]
    runs[0].page.write_text("")
    page = index_page(runs, tmp_path)
    assert "run%201" not in page  # it has no page yet
    assert 'href="./run%200/report.html"' in page
    for run in runs:
        valid, best = run.reports[-1].valid_rate, max(report.best_accuracy or 0 for report in run.reports)
        cells = (percent(best, 2), interval(run.reports[-1].mean_accuracy), interval(valid))
        cells = (*cells, str(sum(report.counts.admitted for report in run.reports)))
        assert "".join(f"<td>{cell}</td>" for cell in cells) in page


def test_runs_of_two_protocols_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    made = [make_run(tmp_path / "a"), make_run(tmp_path / "b", proxy={"name": "lemur", "epochs": 1})]
    assert index_page([run for one in made for run in read_reports(one.path)], tmp_path).count("<table") == 2


def test_no_archive_is_read_and_a_run_that_is_none_is_named(tmp_path: Path) -> None:
    make_run(tmp_path / "run").archive.write_text("no JSON\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text("{}")
    write_index(tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "1 run<" in page
    assert "left out: " in page
    assert "other: written by an older version of nnloop" in page
