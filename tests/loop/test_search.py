"""The loop, end to end: real digits, real trials, scripted or random completions."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import instant
import odd_server
import pytest
from hostile import ATTACKS
from odd_server import http, serve, silent, whole

from nnloop import build, corpus
from nnloop.corpus.edits import mutate
from nnloop.errors import CompletionError, ModelError, RunFolderError
from nnloop.modes import static_guard
from nnloop.records import Status
from nnloop.runs.folder import RunFolder
from nnloop.stop import Interrupted

COMMON = ("dataset=digits", "corpus.limit=8", "corpus.trials=1", "finetune=off", "tracker=none", "executor.wall_s=60")

GOOD = corpus.sample(corpus.seeds(), 8)[0].code
RAISES = GOOD.replace("super().__init__()\n        self.net", "super().__init__()\n        1 / 0\n        self.net")
WRONG_SHAPE = """
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.out = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], 3)

    def forward(self, x):
        return self.out(x.flatten(1))
"""
LINEAR = WRONG_SHAPE.replace(", 3)", ", out_shape[0])")
FORBIDDEN = "import subprocess\n" + LINEAR


def script(path: Path, *codes: str) -> str:
    path.write_text("".join(json.dumps({"text": f"<nn>\n{code}\n</nn>"}) + "\n" for code in codes))
    return f"llm.path={path}"


def scripted(configure, folder: Path, *codes: str, more: tuple[str, ...] = ()) -> RunFolder:
    """Run one search over the given modules in mode=full."""
    path = script(folder.parent / f"{folder.name}.jsonl", *codes)
    build.run(configure("llm=scripted", path, "mode=full", *COMMON, *more), folder)
    return RunFolder(folder)


def test_every_completion_ends_in_one_status_with_a_reason(configure, tmp_path: Path) -> None:
    codes = [LINEAR, "no python at all (", RAISES, WRONG_SHAPE, FORBIDDEN, LINEAR, GOOD]
    assert RAISES != GOOD
    run = scripted(configure, tmp_path / "run", *codes, more=("cycles=1", "candidates=7"))
    entries = run.entries()
    assert [str(entry.status) for entry in entries] == [
        "ok",
        "unparseable",
        "build_failed",
        "bad_shape",
        "rejected",
        "duplicate",
        "duplicate",
    ]
    assert [entry.slot for entry in entries] == list(range(7))
    assert entries[5].reason == "same network as cycle 1, slot 1"
    assert entries[6].reason.startswith("same network as the corpus network")
    assert all(entry.reason for entry in entries[1:])
    report = run.reports()[0]
    assert sum(report.statuses.values()) == report.counts.generated == 7
    assert report.valid_rate.value == pytest.approx(3 / 7)
    assert run.read_code(str(entries[0].candidate)).strip() == LINEAR.strip()


def test_a_completion_is_judged_while_later_ones_are_still_being_written(configure, tmp_path: Path) -> None:
    run, seen, over = RunFolder(tmp_path / "run"), set(), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            seen.add(tuple(path.read_text().count("\n") if path.exists() else 0 for path in watched))

    watched = (run.archive, run.completions(0))  # in this order: more may be written meanwhile, not less
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        scripted(configure, run.path, *["no ("] * 4, more=("llm.delay_s=0.5", "cycles=1", "candidates=4"))
    finally:
        over.set()
        watcher.join()
    assert any(judged > 0 and written < 4 for judged, written in seen)


def test_a_finished_run_started_again_prints_its_summary_and_does_nothing(configure, tmp_path, capsys) -> None:
    run = scripted(configure, tmp_path / "run", LINEAR, more=("cycles=1", "candidates=1"))
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.json*")}
    capsys.readouterr()
    scripted(configure, tmp_path / "run", LINEAR, more=("cycles=1", "candidates=1"))
    assert str(run.path) in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*.json*")} == before


def test_a_folder_of_other_settings_is_refused_with_the_differing_keys(configure, tmp_path: Path) -> None:
    scripted(configure, tmp_path / "run", LINEAR, more=("cycles=1", "candidates=1"))
    with pytest.raises(RunFolderError, match=r"other settings: candidates \(there 1, now 2\), seed \(there 0, now 7\)"):
        scripted(configure, tmp_path / "run", LINEAR, more=("cycles=1", "candidates=2", "seed=7"))


@pytest.mark.parametrize("mode", ["delta", "full"])
def test_random_edits_are_valid_in_both_modes(mode: str, configure, tmp_path: Path) -> None:
    build.run(configure("llm=random", f"mode={mode}", *COMMON, "cycles=2", "candidates=6"), tmp_path / "run")
    entries = RunFolder(tmp_path / "run").entries()
    assert len(entries) == 12
    assert {entry.status for entry in entries} <= {Status.OK, Status.BELOW_CHANCE, Status.DUPLICATE}
    known = {network.id for network in RunFolder(tmp_path / "run").corpus()} | {entry.candidate for entry in entries}
    assert all(entry.parent in known for entry in entries)
    assert RunFolder(tmp_path / "run").provenance()["digest"].keys() == {"protocol", "training", "weights"}


@pytest.mark.long
def test_equal_seeds_give_equal_archives(configure, tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        build.run(configure("llm=random", *COMMON, "cycles=2", "candidates=5", "seed=3"), tmp_path / name)
        runs.append([(e.candidate, e.status, e.val_accuracy, e.admitted) for e in RunFolder(tmp_path / name).entries()])
    assert runs[0] == runs[1]


@pytest.mark.long
def test_a_killed_run_continues_to_the_same_entries(tmp_path: Path) -> None:
    codes = [mutate(GOOD, random.Random(number), edits=2) for number in range(12)]
    command = [sys.executable, "-m", "nnloop", "llm=scripted", script(tmp_path / "texts.jsonl", *codes), "mode=full"]
    command += [*COMMON, "cycles=2", "candidates=6"]
    subprocess.run([*command, "name=whole"], cwd=tmp_path, check=True, capture_output=True)
    for lines in (2, 8):
        kill_after(lines, [*command, "name=cut"], tmp_path)
    subprocess.run([*command, "name=cut"], cwd=tmp_path, check=True, capture_output=True)
    whole, cut = (timeless(next((tmp_path / "outputs" / name).glob("*/archive.jsonl"))) for name in ("whole", "cut"))
    assert [entry["candidate"] for entry in cut] == [entry["candidate"] for entry in whole]
    assert cut == whole


def test_a_used_up_budget_stops_the_run_at_a_cycles_end_and_a_raised_one_lets_it_go_on(
    configure, tmp_path: Path, capsys
) -> None:
    def searched(*budget: str) -> int:
        more = ("cycles=3", "candidates=1", *budget)
        return len(scripted(configure, tmp_path / "run", LINEAR, more=more).reports())

    assert searched("budget.hours=1e-6") == 1
    assert "stopped: budget.hours=1e-06 is used up: " in capsys.readouterr().out
    assert searched("budget.hours=1e-6") == 1
    assert searched("budget.hours=1") == 3
    assert "stopped" not in capsys.readouterr().out.splitlines()[-1]


def kill_after(lines: int, command: list[str], folder: Path) -> None:
    """Start a run and SIGKILL its whole process group once its archive has so many lines."""
    process = subprocess.Popen(command, cwd=folder, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        archives = list(folder.glob("outputs/cut/*/archive.jsonl"))
        if archives and archives[0].read_bytes().count(b"\n") >= lines:
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL


def timeless(archive: Path) -> list[dict[str, Any]]:
    """The archive's rows without what a clock or the load of the machine decides."""
    rows = [json.loads(line) for line in archive.read_text().splitlines()]
    for row in rows:
        row["generation"].pop("seconds")
        for key in ("seconds", "peak_bytes"):
            (row["result"] or {}).pop(key, None)
    return rows


# An LLM behind a server


def asked(server: odd_server.OddServer, *more: str) -> list[str]:
    given = ["llm=openai", "llm.model=served", f"llm.base_url={server.url}", "llm.tries=1", "llm.batch_size=1"]
    return [*given, "finetune=off", "mode=full", "cycles=2", "candidates=3", *more]


ANSWER = whole(f"<nn>\n{LINEAR}\n</nn>")
REFUSED = http(500, '{"error": {"message": "no\\nmemory"}}')


@pytest.mark.parametrize("staleness", ["null", "0"])
def test_requests_that_the_server_refuses_are_entries_with_the_reason(configure, tmp_path: Path, staleness) -> None:
    """Those before a cycle's first answer too; a restart keeps them and asks nothing twice."""
    for folder, replies in (("early", [REFUSED, ANSWER]), ("late", [ANSWER, REFUSED, ANSWER])):
        with serve(*replies) as server:
            given = asked(server, f"search.staleness={staleness}")
            run = instant.search(configure, tmp_path / folder, *given, "context=memory")
            failed = [entry for entry in run.entries() if entry.status is Status.NO_ANSWER]
            assert [(entry.cycle, entry.reason, entry.candidate) for entry in failed] == [
                (0, "HTTP 500: no memory", None)
            ]
            assert [report.counts.generated for report in run.reports()] == [3, 3]
            assert [sorted(run.read_completions(cycle)) for cycle in (0, 1)] == [[0, 1, 2]] * 2
            before = run.entries()
            instant.search(configure, tmp_path / folder, *given, "context=memory")
            assert run.entries() == before
            assert len(server.asked) == 6
        assert "no memory" not in "".join(text["messages"][0]["content"] for text in server.asked)


@pytest.mark.parametrize("staleness", ["null", "0"])
def test_a_cycle_without_one_answer_ends_the_search_and_is_asked_again(configure, tmp_path, staleness) -> None:
    with serve(ANSWER, ANSWER, ANSWER, REFUSED, REFUSED, REFUSED, ANSWER) as server:
        given = asked(server, f"search.staleness={staleness}")
        with pytest.raises(ModelError) as raised:
            instant.search(configure, tmp_path / "run", *given)
        assert str(raised.value) == (
            "the LLM's server answered none of the 3 requests of cycle 2, 3 times with: HTTP 500: no memory;"
            " the same command asks again"
        )
        run = RunFolder(tmp_path / "run")
        assert [len(run.entries()), len(run.reports()), run.read_completions(1)] == [3, 1, {}]
        instant.search(configure, tmp_path / "run", *given)
        assert [len(run.entries()), len(run.reports())] == [6, 2]
        assert all(entry.status is not Status.NO_ANSWER for entry in run.entries())
    with serve(ANSWER) as server:
        whole_run = instant.search(configure, tmp_path / "whole", *asked(server, f"search.staleness={staleness}"))
    assert timeless(run.archive) == timeless(whole_run.archive)


def test_a_kill_before_the_first_answer_of_a_cycle_asks_its_requests_again(configure, tmp_path: Path) -> None:
    """Refusals that nothing was learnt from are not kept: the archive is the one of an untroubled run."""
    with serve(REFUSED, REFUSED, silent) as server:
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Interrupted):
            instant.search(configure, tmp_path / "run", *asked(server, "executor.grace_s=0.1"))
        server.replies = [ANSWER]
        run = instant.search(configure, tmp_path / "run", *asked(server, "executor.grace_s=0.1"))
    assert {entry.status for entry in run.entries()} <= {Status.OK, Status.DUPLICATE}


def passes_guard(code: str) -> bool:
    try:
        static_guard.check(code)
    except CompletionError:
        return False
    return True


@pytest.mark.long
def test_of_a_search_whose_answers_are_hostile_none_is_admitted_selected_or_learned_from(
    configure, tmp_path: Path
) -> None:
    """Fifteen networks that pass the static guard and score well by work that the recipe does not have."""
    blind = ("gc.get_objects()", "getattr(gc, 'get_' + 'objects')()")  # the guard does not look into getattr
    chosen = [one for one in ATTACKS if one.status in ("off_recipe", "tampered") and one.proxy == "fast"]
    codes = [attack.code.replace(*blind) for attack in chosen]
    codes = [code for code in codes if passes_guard(code)][:15]
    assert len(codes) == 15
    run = scripted(configure, tmp_path / "run", *codes, more=("cycles=2", "candidates=8"))
    entries = run.entries()
    assert {str(entry.status) for entry in entries} <= {"off_recipe", "tampered", "crashed", "duplicate"}
    assert not [entry for entry in entries if entry.admitted or entry.selected or entry.valid]
    hostile = {entry.candidate for entry in entries}
    assert not hostile & {entry.parent for entry in entries}
