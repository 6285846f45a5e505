"""The page of a search while it runs, and how it tells the search's end."""

from contextlib import suppress
from pathlib import Path

import pytest
from browser import Browser
from fake_run import make_run, open_last_cycle
from report_pages import NEEDS_BROWSER, Page

from nnloop.errors import ModelError
from nnloop.report.live import LEAST_S, LivePage
from nnloop.runs.folder import RunFolder
from nnloop.stop import Interrupted


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of three cycles, of which the last one is open with 3 of 8 completions."""
    run = make_run(tmp_path / "run", cycles=3)
    open_last_cycle(run, completions=3)
    return run


def state_of(run: RunFolder) -> str:
    return Page(run.page).text.partition("digits")[0]


def test_a_page_shows_the_first_result_and_counts_the_open_cycle(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1)
    open_last_cycle(run, completions=1)
    with run.lock(), LivePage(run) as page:
        page.grown = True
        page.renew()
        assert "running; 0 of 3 cycles are closed, 1 of 8 completions of cycle 1 are judged" in state_of(run)
        assert "1, open" in Page(run.page).text
        assert "data-written" in run.page.read_text()


def test_a_run_without_results_gets_no_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=0)
    with LivePage(run) as page:
        page.write()
    assert not run.page.exists()


def test_a_page_is_renewed_for_new_results_alone_and_not_too_often(run: RunFolder) -> None:
    now = [0.0]
    with LivePage(run, clock=lambda: now[0]) as page:
        page.renew()
        assert not run.page.exists()
        for at, renewed in ((0.0, True), (LEAST_S / 2, False), (LEAST_S, True)):
            now[0], page.grown = at, True
            run.page.write_text("old")
            page.renew()
            assert (run.page.read_text() != "old") is renewed


def test_results_are_read_once(run: RunFolder) -> None:
    with LivePage(run) as page:
        page.write()
        lines = run.archive.read_bytes().splitlines(keepends=True)
        run.archive.write_bytes(b"".join(b"x" * (len(line) - 1) + b"\n" for line in lines))  # never read again
        with run.archive.open("ab") as file:
            file.write(lines[-1] + b'{"torn')
        page.write()
    assert "4 of 8 completions of cycle 3" in state_of(run)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Interrupted(), "interrupted: a signal ended it, and the same command goes on; 2 of 3 cycles"),
        (ModelError("no <b>weights</b>"), "3 of 8 completions of cycle 3 are judged; the cause: no <b>weights</b>"),
        (ZeroDivisionError("x"), "failed, and the same command goes on once its cause is gone; 2 of 3"),
    ],
)
def test_the_page_tells_how_a_search_ended(run: RunFolder, error: BaseException, words: str) -> None:
    with suppress(type(error)), run.lock(), LivePage(run):
        raise error
    assert words in state_of(run)
    assert "data-written" not in run.page.read_text()


def test_a_page_that_cannot_be_written_does_not_end_the_search(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    run.page.mkdir()
    with LivePage(run) as page:
        page.write()
    assert "the page is not renewed" in caplog.text


@pytest.mark.long
@NEEDS_BROWSER
def test_in_a_browser_the_page_grows_by_itself_and_keeps_the_place(run: RunFolder) -> None:
    with run.lock(), LivePage(run) as page, Browser() as browser:
        page.write()
        browser.open(f"file://{run.page}", height=500)
        shown = "document.getElementById('state').textContent"
        browser.wait(f"{shown}.includes('3 of 8')")
        browser.run("document.querySelectorAll('details')[1].open = true")
        browser.run("document.querySelector('#explorer select').value = 'ok'")
        browser.run("document.querySelector('#explorer select').onchange()")
        browser.run("document.querySelector('#explorer h2').scrollIntoView()")
        above = browser.run("document.querySelector('#explorer h2').getBoundingClientRect().top")
        open_last_cycle(run, completions=2)
        LivePage(run).write()
        browser.run("location.hash = '#c-1-1'")
        browser.wait("document.querySelector('dialog[open]')")
        browser.run("new Promise((done) => setTimeout(done, 13000))")
        assert browser.run(f"{shown}.includes('3 of 8')")  # an open dialog is not lost
        browser.run("document.querySelector('dialog').close()")
        browser.wait(f"{shown}.includes('2 of 8')")
        browser.wait("document.querySelector('#explorer select')?.value === 'ok'")
        assert browser.run("document.querySelectorAll('details')[1].open")
        moved = browser.run("document.querySelector('#explorer h2').getBoundingClientRect().top") - above
        assert abs(moved) < 500  # it is still seen; without the script's care the page would begin at its top
