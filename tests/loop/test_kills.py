"""Real processes, killed at named steps and by signals: `python -m nnloop` goes on with nothing lost or done twice."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from powercut import environment

from nnloop.llm.adapters import read_lineage
from nnloop.records import Entry
from nnloop.runs.folder import RunFolder

PLAIN = (
    "dataset=digits",
    "corpus.trials=1",
    "corpus.limit=8",
    "tracker=none",
    "executor.workers=1",
    "selection.rule=better",
)
TUNED = ("llm=tiny", "finetune.checkpoint_minutes=0", "finetune.corpus_pairs=16", "finetune.before=true")
TUNED += ("cycles=2", "candidates=3")
STEPS = (
    "after rename partial.pt 1",  # in the fine-tune before the first cycle
    "before rename before/adapter 1",
    "after rename before/adapter 1",
    "before fsync archive.jsonl 1",  # appended, not on the disk yet
    "before rename partial.pt 2",  # a checkpoint of the fine-tune is written and has not its name
    "after rename partial.pt 2",
    "before rename 0000/adapter 1",  # the adapter is written, the folder has not its name
    "before rename 0000/report.json 1",  # all but the mark that closes the cycle
    "after rename 0000/report.json 1",
)


def command(name: str, *overrides: str) -> list[str]:
    return [sys.executable, "-m", "nnloop", *PLAIN, *overrides, f"name={name}"]


def run_of(folder: Path, name: str) -> RunFolder:
    (meta,) = folder.glob(f"outputs/{name}/*/run.json")
    return RunFolder(meta.parent)


def timeless(run: RunFolder) -> list[Entry]:
    return [
        replace(entry, generation=replace(entry.generation, seconds=0.0), result=_timeless(entry.result))
        for entry in run.entries()
    ]


def _timeless(result: Any) -> Any:
    return result and replace(result, seconds=0.0, peak_bytes=None)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_search_killed_at_named_steps_ends_like_one_that_never_was(tmp_path: Path) -> None:
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command("whole", *TUNED), cwd=tmp_path, env=alone, check=True, capture_output=True)
    for step in STEPS:
        watched = alone | environment(tmp_path, tmp_path.parent / f"{tmp_path.name}-shadow", step)
        process = subprocess.Popen(
            command("cut", *TUNED), cwd=tmp_path, env=watched, start_new_session=True, stderr=subprocess.PIPE
        )
        said = process.communicate()[1]
        assert process.returncode == -signal.SIGKILL, (step, said)
    subprocess.run(command("cut", *TUNED), cwd=tmp_path, env=alone, check=True, capture_output=True)
    whole, cut = run_of(tmp_path, "whole"), run_of(tmp_path, "cut")
    assert timeless(cut) == timeless(whole)
    lineages = [
        [read_lineage(folder) for folder in (run.first_adapter, run.adapter(0), run.adapter(1))] for run in (cut, whole)
    ]
    assert lineages[0] == lineages[1]
    before, first, second = lineages[0]
    assert (before.parent, first.parent, second.parent) == (None, before.adapter, first.adapter)
    assert cut.reports()[0].before == whole.reports()[0].before is not None
    left = [path.name for path in cut.path.rglob("*") if path.suffix == ".tmp" or "partial" in path.name]
    assert left == []


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_with_its_exit_code_and_the_same_command_goes_on(
    number: int, code: int, tmp_path: Path
) -> None:
    """SIGTERM lets the trial in flight end; a second Ctrl-C ends at once."""
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "none"}\n')
    given = command("search", "finetune=off", "llm=scripted", f"llm.path={texts}", "cycles=1", "candidates=4")
    process = subprocess.Popen([*given, "llm.delay_s=1"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while not any(path.read_bytes() for path in tmp_path.glob("outputs/*/*/completions/0000.jsonl")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    if number == signal.SIGINT:
        time.sleep(0.05)
        process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode == code, said
    assert f"nnloop: {signal.Signals(number).name}: " in said
    assert "Traceback" not in said
    run = run_of(tmp_path, "search")
    before = run.read_completions(0)
    assert 1 <= len(before) < 4
    subprocess.run([*given, "llm.delay_s=1"], cwd=tmp_path, check=True, capture_output=True)
    assert [entry.slot for entry in run.entries()] == list(range(4))
    after = run.read_completions(0)
    assert [after[slot].generation.seconds for slot in before] == [kept.generation.seconds for kept in before.values()]
