"""The state of a search follows its folder, whose files stay as they are."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run

from nnloop.measures import best_of
from nnloop.records import FinetuneStep
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.runs.lease import myself
from nnloop.runs.live_state import LiveState, RunningTrial
from nnloop.runs.state import Stage, end
from nnloop.watch.run_view import RunView, shown


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=8)


def reopened(run: RunFolder, judged: int) -> None:
    """Open the last cycle again, as a search leaves it that has judged some of its candidates and goes on."""
    run.report(2).rename(run.path / "kept")
    lines = run.archive.read_text().splitlines(keepends=True)
    run.archive.write_text("".join(lines[: 16 + judged]))
    write_json(run.costs(2), {"seconds": {"total": 10.0}, "tokens": 0, "prompt_tokens": 0, "peak_bytes": 0})
    (run.path / "run.lock").write_text(myself().line())


def live(run: RunFolder, state: LiveState) -> None:
    run.live.write_text(state.line())


def test_a_running_search_is_told_by_stage_trials_answers_best_costs_and_forecast(run: RunFolder) -> None:
    reopened(run, judged=4)
    live(run, LiveState("cycle", 2, "generating", 8, trials=[RunningTrial("abc", 2, 5, since=1.0)]))
    state = RunView(run.path).look()
    best = best_of(run.entries())
    assert best is not None
    assert (state["state"], state["stage"], state["cycle"], state["closed"]) == ("running", "generating", 3, 2)
    assert (state["written"], state["judged"], state["candidates"]) == (8, 4, 8)
    assert state["best"]["accuracy"] == pytest.approx(best.val_accuracy)
    assert (state["best"]["cycle"], state["best"]["slot"]) == (best.cycle + 1, best.slot + 1)
    assert state["valid"] == [sum(entry.valid for entry in run.entries()), 20]
    assert state["trials"] == [{"place": "3.6", "candidate": "abc", "since": 1.0}]
    assert [answer["slot"] for answer in state["answers"][:8]] == list(range(7, -1, -1))  # the newest first
    assert [answer["status"] == "" for answer in state["answers"][:8]] == [True] * 4 + [False] * 4
    assert state["seconds"] == pytest.approx(41 + 42 + 10)
    assert state["left"] == pytest.approx(41.5 - 10)
    assert state["joules"] == 18000
    json.dumps(state, allow_nan=False)


def test_completions_steps_and_the_cycles_end_come_as_they_are_stored(run: RunFolder) -> None:
    reopened(run, judged=0)
    stored = run.completions(2).read_text().splitlines(keepends=True)
    run.completions(2).write_text(stored[0])
    view = RunView(run.path)
    assert view.look()["written"] == 1
    with run.completions(2).open("a") as file:
        file.write(stored[1])
    state = view.look()
    assert (state["written"], state["answers"][0]["slot"]) == (2, 1)
    assert view.answer(2, 1) == {"prompt": "Improve this network", "text": "@@\n-old 1\n+new 1\n"}
    assert view.answer(0, 0) is None
    run.finetune_steps(2).write_text(FinetuneStep(3, 9, loss=0.5, lr=1e-4).line() + "\n")
    live(run, LiveState("cycle", 2, "fine-tuning", 8))
    assert view.look()["step"] == {"step": 3, "steps": 9, "loss": 0.5, "lr": 1e-4}
    (run.path / "kept").rename(run.report(2))
    state = view.look()
    assert (state["closed"], state["judged"], state["left"]) == (3, 8, 0.0)


@pytest.mark.parametrize("stage", ["finished", "interrupted", "failed"])
def test_an_end_an_interruption_and_a_failure_are_told_apart(run: RunFolder, stage: str) -> None:
    (run.path / "run.lock").write_text(" " * 512)
    end(run, Stage(stage), reason="the disk is full" if stage == "failed" else "")
    state = RunView(run.path).look()
    assert state["state"] == stage
    assert state["error"] == ("the disk is full" if stage == "failed" else "")


def test_a_search_that_goes_on_is_running_and_one_that_nothing_tells_of_is_stopped(run: RunFolder) -> None:
    reopened(run, judged=8)
    assert RunView(run.path).look()["state"] == "running"
    (run.path / "run.lock").write_text(" " * 512)
    assert RunView(run.path).look()["state"] == "stopped"


def test_trials_of_the_corpus_come_before_the_first_cycle(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=0)
    (run.path / "run.lock").write_text(myself().line())
    live(run, LiveState("corpus", 0, "training", 34, judged=12))
    state = RunView(run.path).look()
    assert (state["stage"], state["best"], state["left"]) == ("corpus: 12 of 34 trials done", None, None)


def files(run: RunFolder) -> dict[Path, tuple[int, int, int]]:
    """Every file with its size, its time of change and that of its inode."""
    about = {path: path.lstat() for path in [run.path, *run.path.rglob("*")]}
    return {path: (one.st_size, one.st_mtime_ns, one.st_ctime_ns) for path, one in about.items()}


def test_looking_changes_nothing_in_the_folder(run: RunFolder) -> None:
    reopened(run, judged=4)
    before = files(run)
    view = RunView(run.path)
    for _ in range(3):
        assert view.look()["error"] == ""
    assert files(run) == before


HOSTILE = '<img src=x onerror=alert(1)></script><script>alert(1)</script>\u202e\x1b[2J\x00"\u2028'


def test_hostile_texts_come_as_plain_text_that_hides_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1, candidates=4, text=HOSTILE * 50_000)
    state = RunView(run.path).look()
    text = json.dumps(state)
    assert len(text) < 40_000
    for hidden in ("\u202e", "\x1b", "\x00", "\u2028"):
        assert hidden not in text
        assert json.dumps(hidden)[1:-1] not in text.replace("\\\\", "")
    view = RunView(run.path)
    view.look()
    answer = view.answer(0, 0)
    assert answer is not None
    assert len(answer["text"]) < 300_000
    assert answer["text"].isprintable()


@pytest.mark.parametrize("damage", ["archive", "settings", "deep", "link", "report", "gone"])
def test_a_damaged_or_hostile_folder_is_told_and_ends_nothing(run: RunFolder, damage: str, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    meta: dict[str, Any] = run.provenance()
    if damage == "archive":
        run.archive.write_text('{"a": 1}\n')
    elif damage == "settings":
        write_json(run.meta, meta | {"settings": {"cycles": "many"}})
    elif damage == "deep":
        run.archive.write_text("[" * 200_000 + "\n")
    elif damage == "link":
        run.archive.unlink()
        run.archive.symlink_to(tmp_path / "secret.json")
    elif damage == "report":
        run.report(1).write_text("{}")
    else:
        shutil.rmtree(run.path)
    state = RunView(run.path).look()
    assert state["error"]
    assert "secret" not in json.dumps(state).replace(str(tmp_path), "").replace("secret.json", "")
    assert "\n" not in state["error"]


def test_a_long_text_is_cut_and_says_so() -> None:
    assert shown("x" * 400, 300) == "x" * 300 + " ... (100 characters more)"
    assert shown("a\tb\x07") == "a   b\\u0007"


def test_a_first_answers_count_leaves_retries_out(run: RunFolder) -> None:
    entry = run.entries()[-1]
    retry = replace(entry, generation=replace(entry.generation, slot=8, retry_of=7))
    with run.archive.open("a") as file:
        file.write(retry.line() + "\n")
    assert RunView(run.path).look()["valid"][1] == 24
