import urllib.parse
from pathlib import Path

import pytest
from fake_run import make_run, make_sweep
from report_pages import Page
from validations import report_on

from nnloop.measures import ADMITTED, DISTINCT, MEAN, VALID
from nnloop.report import read_each, write_overview, write_run_page
from nnloop.report.measures.packs import write_document
from nnloop.report.measures.read import read
from nnloop.report.measures.validation import Validation, ValidationPair
from nnloop.report.text import shown
from nnloop.report.web.html import estimate
from nnloop.runs.digest import Digest, training_code


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return make_sweep(tmp_path / "sweep")


def test_an_overview_links_to_the_page_of_every_run(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "sweep" / "report.html"
    for path in runs:
        write_run_page(read(path))
    write_overview(read_each(runs), out)
    page = Page(out)
    assert sorted((out.parent / urllib.parse.unquote(link)).parent for link in page.links()) == sorted(runs)
    assert all((out.parent / urllib.parse.unquote(link)).exists() for link in page.links())


def test_an_overview_compares_arms_over_the_seeds_they_share(runs: list[Path], tmp_path: Path) -> None:
    write_overview(read_each(runs), tmp_path / "report.html")
    assert "llm: random minus tiny" in Page(tmp_path / "report.html").text


def test_a_single_seed_shows_no_difference_between_arms(runs: list[Path], tmp_path: Path) -> None:
    write_overview(read_each([path for path in runs if path.name.endswith("s0")]), tmp_path / "report.html")
    assert "minus" not in Page(tmp_path / "report.html").text


def test_an_overview_has_a_row_of_figures_for_each_run(runs: list[Path], tmp_path: Path) -> None:
    write_overview(read_each(runs), tmp_path / "report.html")
    rows = (tmp_path / "report.html").read_text().partition("<h3>Runs</h3>")[2]
    for path in runs:
        run = read(path)
        row = rows.partition(f">{path.name}</span></td>")[2].partition("</tr>")[0]
        assert row.startswith("".join(f"<td>{estimate(shown(one, run.of(one)))}</td>" for one in (MEAN, VALID)))
        assert f"<td><span>{run.of(ADMITTED)}</span></td><td><span>{run.of(DISTINCT)}</span></td>" in row


def test_a_single_run_is_not_compared_with_itself(runs: list[Path], tmp_path: Path) -> None:
    write_overview(read_each(runs[:1]), tmp_path / "report.html")
    text = Page(tmp_path / "report.html").text
    assert "1 run" in text
    assert "Arms" not in text


def test_an_overview_keeps_protocols_apart(tmp_path: Path) -> None:
    one = make_run(tmp_path / "one", 1, 4)
    two = make_run(tmp_path / "two", 1, 4, proxy={"name": "lemur", "epochs": 1})
    write_overview(read_each([one.path, two.path]), tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert [name for name, _ in page.elements].count("h2") == 3  # two protocols and what is behind them
    assert "never compare" in page.text


def test_runs_whose_recipes_differ_stand_apart_under_one_protocol_name(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"lr{lr}", 1, 4, proxy={"name": "fast", "epochs": 1, "lr": lr}).path for lr in (0.05, 0.1)
    ]
    write_overview(read_each(runs), tmp_path / "report.html")
    assert Page(tmp_path / "report.html").text.count("validation split, protocol ") == 2


def test_a_run_name_can_not_become_another_kind_of_address(tmp_path: Path) -> None:
    one = make_run(tmp_path / "javascript:alert(1)", 1, 4)
    one.page.write_text("")
    write_overview(read_each([one.path]), tmp_path / "report.html")
    assert Page(tmp_path / "report.html").links() == ["javascript%3Aalert%281%29/report.html"]


def test_an_overview_leaves_out_what_it_can_not_read_and_says_so(
    runs: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (runs[0] / "run.json").write_text("{")
    for path in runs[1:3]:
        (path / "report.html").write_text("")
    write_overview(read_each(runs), tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert len(page.links()) == 2  # a run without a page has no link
    assert str(runs[0]) in page.text


def test_an_overview_tells_what_validations_beside_it_found(runs: list[Path], tmp_path: Path) -> None:
    pairs = [ValidationPair("run", f"n{i}", i / 10, i / 20, None, 1, 1.0) for i in range(9)]
    folder = tmp_path / "sweep" / "validate-1"
    folder.mkdir()
    result = report_on(pairs)
    write_document(folder / "validation.json", Validation(result, pairs, folder).document)
    (tmp_path / "sweep" / "validate-2").mkdir()
    (tmp_path / "sweep" / "validate-2" / "validation.json").write_text("{}")
    write_overview(read_each(runs), tmp_path / "sweep" / "report.html")
    page = Page(tmp_path / "sweep" / "report.html")
    assert "rho 1.00 [1.00, 1.00]" in page.text
    assert "validate-1/validation.html" in page.links()


def test_runs_of_other_training_code_than_today_s_are_marked(tmp_path: Path) -> None:
    one = make_run(tmp_path / "one", 1, 4)
    for training, marked in (("0123456789ab", True), (training_code(), False)):
        one.create(one.provenance() | {"digest": Digest("protocol", training, None).to_json()})
        write_overview(read_each([one.path]), tmp_path / "report.html")
        write_run_page(read(one.path))
        for page in (tmp_path / "report.html", one.page):
            assert ("made by training code 0123456789ab" in Page(page).text) is marked
