"""Only whoever has the address reads, from this machine's own names, and nothing that a run holds becomes a script."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from fake_run import make_run
from report_pages import NEEDS_BROWSER

from nnloop.runs.folder import RunFolder
from nnloop.watch.page_server import MOST_RUNS, Watcher, serve

TOKEN = "t0ken"
HOSTILE = '</script><script>document.title="ran"</script><img src=x onerror="document.title=\'ran\'"><b>bold</b>'


class Served:
    """A server in a thread of its own."""

    def __init__(self, find: Callable[[], list[Path]]) -> None:
        self._loop, started = asyncio.new_event_loop(), threading.Event()
        self.port = 0

        def show(port: int, runs: int) -> None:
            self.port = port
            started.set()

        self._task = self._loop.create_task(serve(find, port=0, token=TOKEN, show=show))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert started.wait(20)
        self.address = f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def get(self, path: str = "", *, method: str = "GET", token: str = TOKEN, **headers: str) -> tuple[int, Any, str]:
        """Status, headers and text of a request."""
        address = f"http://127.0.0.1:{self.port}/{token}/{path}"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(address, method=method, headers=headers), timeout=20
            ) as got:
                return got.status, got.headers, got.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def states(self, number: int) -> list[dict[str, Any]]:
        """The first states that are pushed."""
        with urllib.request.urlopen(f"{self.address}events", timeout=20) as stream:
            states = []
            while len(states) < number:
                line = stream.readline().decode()
                states += [json.loads(line.removeprefix("data: "))] if line.startswith("data: ") else []
        return states


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    folder = tmp_path_factory.mktemp("runs")
    plain = make_run(folder / "tiny-digits-delta-s0", cycles=3, candidates=6)
    hostile = make_run(folder / "x<script>document.title='ran'<", cycles=1, candidates=6, text=HOSTILE)
    return [plain, hostile]


@pytest.fixture(scope="module")
def served(runs: list[RunFolder]) -> Iterator[Served]:
    server = Served(lambda: [run.path for run in runs])
    yield server
    server.close()


def test_the_states_of_all_runs_are_pushed(served: Served, runs: list[RunFolder]) -> None:
    first, second = served.states(2)
    assert [one["name"] for one in first["runs"]] == [run.path.name for run in runs]
    assert second["runs"][0]["closed"] == 3


@pytest.mark.parametrize("path", ["", "events", "answer?run=0&cycle=2&slot=0", "report?run=0", "watch.js", "x"])
def test_without_the_token_nothing_is_there(served: Served, path: str) -> None:
    for token in ("", "t0kem", "t0ken0", "T0KEN", "%00"):
        status, headers, text = served.get(path, token=token)
        assert (status, text) == (404, "nothing is here")
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:9000"}, 200),  # another port: SSH forwards it
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:9000"}, 200),
        ({"Origin": "http://localhost:9000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:8765"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "evil.example:127.0.0.1"}, 403),
        ({"Host": "localhost:80@evil"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example/localhost:80"}, 403),
    ],
)
def test_a_name_that_is_not_this_machines_is_refused(served: Served, headers: dict[str, str], status: int) -> None:
    assert served.get(**headers)[0] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(served: Served, method: str) -> None:
    assert served.get(method=method)[0] in (404, 405)


WRONG = (
    *("answer?run=9&cycle=0&slot=0", "answer?run=-1&cycle=0&slot=0", "answer", "answer?run=0&cycle=0&slot=9e9", "../x"),
    *("answer?run=0&cycle=%2e%2e&slot=0", "report?run=2", "..%2f..%2fetc%2fpasswd", "page.html", "events/x"),
)


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_request_is_refused_without_a_trace(served: Served, path: str) -> None:
    status, _, text = served.get(path)
    assert status in (400, 404)
    assert "Traceback" not in text


def test_an_answer_comes_as_text_in_json(served: Served) -> None:
    status, headers, text = served.get("answer?run=1&cycle=0&slot=0")
    assert (status, headers.get_content_type(), headers["X-Content-Type-Options"]) == (
        200,
        "application/json",
        "nosniff",
    )
    assert json.loads(text)["text"] == HOSTILE


def test_a_runs_report_is_made_here_and_has_an_origin_of_its_own(served: Served, runs: list[RunFolder]) -> None:
    runs[1].page.write_text("<script>document.title='ran'</script>")  # the folder's own page is not served
    status, headers, text = served.get("report?run=1")
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-same-origin" not in headers["Content-Security-Policy"]
    assert "<script>document.title" not in text
    runs[1].page.unlink()


def test_a_run_that_begins_later_is_found_and_their_number_is_bounded(tmp_path: Path) -> None:
    paths = [tmp_path / f"run-{number}" for number in range(MOST_RUNS + 3)]

    async def look() -> dict[str, Any]:
        watcher = Watcher(lambda: paths[:found])
        states = json.loads(watcher.look())
        assert len(states["runs"]) == 1
        watcher._searched_at = float("-inf")
        nonlocal_found()
        return dict(json.loads(watcher.look()))

    found = 1

    def nonlocal_found() -> None:
        nonlocal found
        found = len(paths)

    state = asyncio.run(look())
    assert (len(state["runs"]), state["left_out"]) == (MOST_RUNS, 3)


@NEEDS_BROWSER
@pytest.mark.long
def test_in_a_browser_no_script_or_markup_of_a_run_comes_alive(served: Served) -> None:
    with Browser() as browser:
        browser.open(served.address)
        browser.wait("document.querySelectorAll('.run').length === 2")
        browser.run("[...document.querySelectorAll('.run')][1].querySelector('.answers button').click()")
        browser.wait("document.querySelector('dialog[open]')")
        text = browser.run("document.getElementById('answer-text').textContent")
        assert text == HOSTILE
        assert browser.run("document.title") == "nnloop: running searches"
        assert (
            browser.run(
                "document.querySelectorAll('main img, dialog img, .answers b, h2 *, dialog pre *, main script').length"
            )
            == 0
        )
        assert "best so far" in browser.run("document.querySelector('.run').textContent")
