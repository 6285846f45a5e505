import io
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from fake_run import make_run
from paths import SUPPORT

from nnloop.records import Candidate
from nnloop.report.progress import Progress
from nnloop.runs.folder import RunFolder
from nnloop.runs.live_state import LiveState


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "run", cycles=2, candidates=6)


def play(run: RunFolder, progress: Progress, clock: Clock | None = None) -> None:
    """Show a finished run as if it were going on, ten seconds per candidate."""
    with progress:
        for report in run.reports():
            progress.begin(report.cycle, 2, candidates=6, done=0)
            progress.stage("generating")
            for entry in run.entries():
                if entry.cycle == report.cycle:
                    progress.generated(entry.slot + 1)
                    progress.judged(entry)
                    if clock:
                        clock.now += 10
            progress.stage("fine-tuning")
            progress.closed(report)


def test_without_a_terminal_stages_and_closed_cycles_are_plain_lines(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        play(run, Progress(live=False))
    lines = [record.message for record in caplog.records]
    assert lines[0] == "cycle 1/2: generating"
    assert lines[1] == "cycle 1/2: fine-tuning"
    assert lines[2].startswith("cycle 1/2: valid ")
    assert "admitted" in lines[2]
    assert len(lines) == 6


def test_each_state_is_recorded_with_the_running_trials(run: RunFolder) -> None:
    states: list[LiveState] = []
    progress = Progress(live=False, record=states.append)
    play(run, progress)
    assert list(dict.fromkeys(one.stage for one in states if one.cycle == 1)) == [
        "starting",
        "generating",
        "fine-tuning",
    ]
    assert (states[-1].judged, states[-1].candidates, states[-1].trials) == (6, 6, [])
    progress.running([Candidate("abc", "", "delta", None, cycle=0, slot=4)])
    assert [(one.candidate, one.slot) for one in states[-1].trials] == [("abc", 4)]


def test_without_a_terminal_a_slow_cycle_still_shows_life(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO):
        play(run, Progress(live=False, clock=clock), clock)
    alive = [record.message for record in caplog.records if "/6 done" in record.message]
    assert len(alive) == 2  # one a cycle: every 30 s at most


def test_while_the_llm_writes_tokens_and_finished_answers_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO), Progress(live=False, clock=clock) as progress:
        progress.begin(0, 2, candidates=6, done=0)
        progress.stage("generating")
        for _ in range(100):
            clock.now += 1
            progress.wrote(50)
        progress.generated(2)
        assert ": generating, 2 of 6 written (5,000 tokens), 0/6 done, " in progress.line()
        progress.begin(1, 2, candidates=6, done=0)
        assert "written" not in progress.line()
    alive = [record.message for record in caplog.records if "tokens)" in record.message]
    assert [line.split("(")[1].split(")")[0] for line in alive] == ["1,550 tokens", "3,100 tokens", "4,650 tokens"]


def test_a_cycle_taken_up_again_says_how_much_is_done(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Progress(live=False) as progress:
        progress.begin(1, 4, candidates=24, done=9)
    assert [record.message for record in caplog.records] == ["cycle 2/4: 9 of 24 candidates are done already"]
    assert "9/24 done" in progress.line()


def test_valid_candidates_and_the_best_are_counted(run: RunFolder) -> None:
    progress = Progress(live=False)
    progress.begin(0, 1, candidates=6, done=0)
    entries = [entry for entry in run.entries() if entry.cycle == 0]
    for entry in entries:
        progress.judged(entry)
    valid = sum(entry.valid for entry in entries)
    best = max(entry.val_accuracy or 0 for entry in entries)
    assert f"6/6 done, {valid} of 6 valid, best {100 * best:.1f} %" in progress.line()


def test_the_time_left_is_unknown_before_the_first_verdict_and_then_extrapolated(run: RunFolder) -> None:
    clock = Clock()
    progress = Progress(live=False, clock=clock)
    progress.begin(0, 2, candidates=6, done=0)
    assert progress.seconds_left() == (None, None)
    clock.now = 20
    progress.judged(run.entries()[0])
    progress.judged(run.entries()[1])
    assert progress.seconds_left() == (pytest.approx(40), pytest.approx(100))


def test_after_a_closed_cycle_its_length_sets_the_time_left(run: RunFolder) -> None:
    clock = Clock()
    progress = Progress(live=False, clock=clock)
    progress.begin(0, 3, candidates=6, done=0)
    clock.now = 90
    progress.closed(run.reports()[0])
    progress.begin(1, 3, candidates=6, done=0)
    clock.now = 120
    assert progress.seconds_left() == (pytest.approx(60), pytest.approx(150))


def test_on_a_terminal_log_lines_stand_whole_above_the_live_view(tmp_path: Path) -> None:
    code = f"""
import logging, sys, time
sys.path[:0] = [{str(SUPPORT)!r}]
from pathlib import Path
from fake_run import make_run
from nnloop.report.progress import Progress
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
run = make_run(Path({str(tmp_path / "run")!r}), 1, 6)
with Progress() as progress:
    progress.begin(0, 1, candidates=6, done=0)
    progress.stage("evaluating")
    for entry in run.entries():
        progress.judged(entry)
        time.sleep(0.1)
    logging.info("a line of the [bold]log")
    time.sleep(0.3)
logging.info("after")
"""
    shown = _on_a_terminal(code)
    assert "cycle 1/1" in shown
    assert "evaluating" in shown
    assert "of 6 valid" in shown
    assert "a line of the [bold]log\r\n" in shown
    assert shown.rstrip().endswith("after")


def _on_a_terminal(code: str) -> str:
    """What a person at a terminal gets to see, with the control sequences."""
    parent, child = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=child, stderr=child, env=environment)
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:  # Linux: the last holder of the other end is gone
            break
        if not piece:
            break
        shown += piece
    os.close(parent)
    assert process.wait() == 0
    return shown.decode()


@pytest.mark.parametrize(("kind", "moves"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_can_not_move_its_cursor_gets_plain_lines(
    run: RunFolder, kind: str, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", kind)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    play(run, Progress())
    assert ("\x1b[" in terminal.getvalue()) is moves


def test_the_log_gets_its_streams_back(run: RunFolder) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        with Progress(live=True):
            assert handler.stream is not sys.stderr
        assert handler.stream is sys.stderr
    finally:
        logging.getLogger().removeHandler(handler)
