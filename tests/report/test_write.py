from pathlib import Path

from fake_run import make_run, make_sweep
from validations import report_on, some_pairs

from nnloop.report import read_each, write_index, write_overview, write_run_page, write_validation
from nnloop.report.measures.read import read
from nnloop.report.measures.validation import Validation


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    run = read(make_run(tmp_path / "run", 2, 4).path)
    write_run_page(run)
    first = run.page.read_bytes()
    write_run_page(run)
    assert run.page.read_bytes() == first


def test_an_overview_gives_a_comparison_for_each_protocol_and_leaves_out_what_it_can_not_read(tmp_path: Path) -> None:
    paths = [
        *make_sweep(tmp_path / "sweep"),
        make_run(tmp_path / "other", 1, 4, proxy={"name": "lemur"}).path,
        tmp_path,
    ]
    comparisons = write_overview(read_each(paths), tmp_path / "report.html")
    assert [len(one.runs) for one in comparisons] == [4, 1]
    assert f"left out: {tmp_path}: no run folder" in (tmp_path / "report.html").read_text()


def test_a_validation_has_its_page_tables_and_pictures(tmp_path: Path) -> None:
    page = write_validation(Validation(report_on(some_pairs()), some_pairs(), tmp_path / "validate"))
    names = {path.name for path in page.parent.iterdir()}
    assert names == {"validation.html", "validation.png", "validation.svg", "pairs.csv", "curves.csv"}


def test_an_index_links_every_run(tmp_path: Path) -> None:
    for path in make_sweep(tmp_path):
        (path / "report.html").write_text("")
    write_index(tmp_path)
    assert (tmp_path / "index.html").read_text().count("/report.html") == 4
