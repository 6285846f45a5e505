from pathlib import Path

import pytest
from browser import Browser
from fake_run import make_run
from report_pages import NEEDS_BROWSER, page_of, unpacked

from nnloop.report import write_run_page
from nnloop.report.measures.read import read
from nnloop.report.measures.summaries import summary
from nnloop.report.web.explorer import DRAWN
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_the_explorer_holds_every_completion(run: RunFolder) -> None:
    data = unpacked(page_of(run), "rows")
    assert len(data["rows"]) == 30
    place = {name: at for at, name in enumerate(data["columns"])}
    for entry, row in zip(run.entries(), data["rows"], strict=True):
        assert row[place["completion"]] == f"{entry.cycle + 1}.{entry.slot + 1}"
        assert (row[place["network"]], row[place["status"]]) == (entry.candidate, entry.status)
        assert row[place["accuracy, %"]] == (entry.val_accuracy and round(100 * entry.val_accuracy, 2))


def test_the_accuracy_comes_first_so_that_a_phone_shows_it(run: RunFolder) -> None:
    assert unpacked(page_of(run), "rows")["columns"][:2] == ["completion", "accuracy, %"]


def test_the_best_networks_and_their_lines_are_drawn_and_the_rest_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=3, candidates=40, graphs=True)
    source = read(run.path)
    page = page_of(run)
    drawn = unpacked(page, "drawings")
    best = [entry.candidate for entry in source.networks[:DRAWN]]
    assert set(best) <= drawn.keys()
    assert {source.by_id[str(name)].parent for name in best} <= drawn.keys()
    left_out = len(source.networks) - DRAWN
    assert left_out > 0
    assert f"drawings of {left_out} networks (the best 50 and their lines have one)" in page.text


def test_a_page_of_a_kept_summary_leaves_out_what_it_cannot_show(run: RunFolder, tmp_path: Path) -> None:
    from nnloop.report.measures.packs import write_document

    write_document(tmp_path / "kept.json", summary(read(run.path)))
    kept = read(tmp_path / "kept.json")
    write_run_page(kept)
    page = kept.page.read_text()
    assert 'id="texts-0"' not in page
    assert "<summary>code</summary><pre><code></code>" not in page


@pytest.mark.long
@NEEDS_BROWSER
def test_in_a_browser_a_completion_opens_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=3, candidates=10, graphs=True)
    write_run_page(read(run.path))
    source = read(run.path)
    best = source.networks[0]
    with Browser() as browser:
        browser.open(f"file://{run.page}#n-{best.candidate}")
        browser.wait("document.querySelectorAll('dialog details').length > 6")
        browser.run("document.querySelectorAll('dialog details').forEach((one) => { one.open = true; })")
        browser.wait(
            "document.querySelectorAll('dialog pre').length === 5"
        )  # diff, code, prompt, answer, what was read
        text = browser.run("document.querySelector('dialog').textContent")
        assert source.diff(best.parent, str(best.candidate)).splitlines()[-1] in text
        assert run.read_code(str(best.candidate)) in text
        assert f"{best.candidate} · {round(100 * (best.val_accuracy or 0), 2):g} %" in text  # in its family
        browser.wait("document.querySelectorAll('dialog svg.graph .unit').length > 3")
        kept = browser.run(
            "new Promise((done) => { nn.save = (name, text) => done([name, text]);"
            " [...document.querySelectorAll('dialog button')].find((one) => one.textContent === 'save SVG').click(); })"
        )
        assert kept[0] == f"{best.candidate}.svg"
        assert kept[1].startswith("<svg")
        before = browser.run("location.hash")
        browser.run("[...document.querySelectorAll('dialog button')].find((one) => one.textContent === 'next').click()")
        browser.wait(f"location.hash !== '{before}' && document.querySelector('dialog[open]')")
        browser.run("document.querySelector('dialog').close()")
        assert browser.run("document.querySelectorAll('#tree .leaf').length") > len(source.networks)
        assert browser.run("document.querySelectorAll('#tree .branch.best').length") == 1


@pytest.mark.long
@NEEDS_BROWSER
def test_a_page_of_3300_completions_of_2048_tokens_is_small_and_paints_soon(tmp_path: Path) -> None:
    words = " ".join(f"self.layer{at % 97} = nn.Conv2d({at * 7 % 512}, {at * 13 % 512}, 3)" for at in range(110))
    run = make_run(tmp_path / "big", cycles=22, candidates=150, text=words, graphs=True)
    write_run_page(read(run.path))
    assert run.page.stat().st_size < 15e6
    with Browser() as browser:
        browser.open(f"file://{run.page}")
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        browser.wait(paint)
        assert browser.run(paint) < 2000
        browser.wait("document.getElementById('count')?.textContent === '100 of 3300'")
