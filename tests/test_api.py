"""nnloop from Python: the command line's settings and runs, errors of one line, and nothing of the program changed."""

import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

import nnloop
from nnloop.errors import CandidateFileError, RunFolderError, SettingsError, UserError

SMALL: dict[str, Any] = {
    "llm": "random",
    "dataset": "digits",
    "finetune": "off",
    "tracker": "none",
    "sandbox.scratch_mb": 32,
    "corpus.trials": 1,
    "corpus.limit": 2,
    "incumbent.share": 0,
    "candidates": 2,
    "cycles": 1,
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state() -> dict[str, Any]:
    """What a call may not leave changed."""
    ours, root = logging.getLogger("nnloop"), logging.getLogger()
    return {
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": list(sys.path),
        "streams": (sys.stdout, sys.stderr),
        "hydra": GlobalHydra.instance().is_initialized(),
        "resolvers": [OmegaConf.has_resolver(name) for name in ("hydra", "now", "nnloop.folder")],
        "logging": (ours.level, ours.propagate, ours.handlers[:], root.level, root.handlers[:]),
        "raise": logging.raiseExceptions,
    }


def test_importing_nnloop_loads_neither_torch_nor_hydra() -> None:
    code = (
        "import sys, nnloop; print({'torch', 'hydra', 'pandas', 'IPython'} & set(sys.modules) or 'none', nnloop.search)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("none <function search"), done.stderr
    assert (Path(nnloop.__file__).parent / "py.typed").exists()


def test_a_search_is_the_command_line_s_run_and_leaves_the_program_as_it_was(here: Path) -> None:
    before = state()
    run = nnloop.search(**SMALL)
    assert state() == before
    assert run.folder == Path(
        "outputs/search/random-digits-delta-s0-candidates_2-limit_2-trials_1-cycles_1-finetune_off-scratch_mb_32"
    )
    assert run.finished
    assert {"nnloop.log", "report.html", "archive.jsonl"} <= {file.name for file in run.folder.iterdir()}
    assert "judging the corpus" in (run.folder / "nnloop.log").read_text()
    again: list[nnloop.SearchResult] = []
    thread = threading.Thread(target=lambda: again.append(nnloop.search(**SMALL)))
    thread.start()
    thread.join()
    assert [one.records for one in again] == [run.records]
    assert state() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nnloop.search(datset="digits"), "datset: no such setting; did you mean dataset?"),
        (lambda: nnloop.search(llm="qwenn"), "llm=qwenn: no such option; did you mean qwen?"),
        (lambda: nnloop.search("tiny"), "tiny: a setting is given as key=value; did you mean llm=tiny?"),
        (lambda: nnloop.search("--help"), "--help: only the command line takes it; a setting is given as key=value"),
        (
            lambda: nnloop.search(llm=["tiny"]),
            "llm=['tiny']: must be the name of one option; a loop of calls tries several",
        ),
        (
            lambda: nnloop.search("llm=tiny,random"),
            "llm=tiny,random: one value is needed (-m tries several); a text with commas needs quotes",
        ),
        (
            lambda: nnloop.search(job="report"),
            "job=report: this call runs job=search; nnloop.job('report', ...) runs the other",
        ),
        (lambda: nnloop.search(config_dir="nowhere"), "config_dir=nowhere: no such folder"),
        (lambda: nnloop.search(**{"hydra.verbose": True}), "hydra.verbose=true: only the command line takes it"),
        (lambda: nnloop.job("evalute"), "job=evalute: no such option; did you mean evaluate?"),
        (lambda: nnloop.search(llm=None), "llm=null: a group has no option null"),
        (lambda: nnloop.search(dry_run=True), "dry_run=true: only the command line has a dry run"),
        (
            lambda: nnloop.evaluate("net.py", dataset="digits"),
            "candidate=net.py: not found; give a Python file or a glob such as 'nets/*.py'",
        ),
        (lambda: nnloop.load("nowhere"), "nowhere: no such folder"),
    ],
)
def test_wrong_input_is_an_exception_of_one_line_and_few_frames(
    call: Callable[[], object], message: str, here: Path
) -> None:
    before = state()
    with pytest.raises(UserError) as raised:
        call()
    assert str(raised.value) == message
    assert raised.value.__suppress_context__
    own = [one for one in traceback.extract_tb(raised.value.__traceback__) if one.filename != __file__]
    assert len(own) == 1
    assert list(here.iterdir()) == []
    assert state() == before


def test_values_that_are_no_settings_are_told(here: Path) -> None:
    with pytest.raises(SettingsError, match=r"^seed=<function .*>: a setting is a text, a number, .* no function$"):
        nnloop.search(seed=state)
    with pytest.raises(CandidateFileError, match="candidate=3: give the code of a network or the path of its file"):
        nnloop.evaluate(3, dataset="digits")  # type: ignore[arg-type]


def test_a_second_job_at_the_same_time_is_refused(here: Path) -> None:
    nnloop.api._running.acquire()
    try:
        with pytest.raises(UserError, match="runs a job in this process already"):
            nnloop.search(**SMALL)
    finally:
        nnloop.api._running.release()


def test_networks_are_a_frame_with_the_parent_s_name_and_the_diff(here: Path) -> None:
    pandas = pytest.importorskip("pandas")
    make_run(here / "run", cycles=2, candidates=6)
    run = nnloop.load("run")
    frame = run.networks
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(run.records) > 0
    assert list(frame.val_accuracy) == sorted(frame.val_accuracy, reverse=True)
    named = frame[frame.parent_name != frame.parent].iloc[0]
    assert named.parent_accuracy > 0
    assert named.tokens >= 0
    assert named["diff"].startswith(f"--- {named.parent_name}\n+++ {named.id}")
    assert named.code == (here / "run/code" / f"{named.id}.py").read_text()
    assert run.best is not None
    assert "<iframe srcdoc=" in run._repr_html_()
    assert str(run).startswith("cycle")


def test_without_pandas_networks_are_records(here: Path) -> None:
    make_run(here / "run", cycles=1, candidates=6)
    code = "import sys; sys.modules['pandas'] = None\nimport nnloop; run = nnloop.load('run')\n"
    code += "assert run.networks is run.records; print(run.networks[0].parent_name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_of_runs_is_refused_with_the_name_of_one(here: Path) -> None:
    make_run(here / "runs/a", cycles=1, candidates=2)
    with pytest.raises(RunFolderError, match="runs: a folder of 1 runs; give one of them, such as runs/a"):
        nnloop.load("runs")


@pytest.mark.long
def test_evaluate_takes_code_or_a_path_and_a_failure_is_a_result(here: Path) -> None:
    code = (Path(nnloop.__file__).parent / "corpus/seeds/plain.py").read_text()
    (here / "net.py").write_text(code)
    by_path = nnloop.evaluate("net.py", dataset="digits")
    by_code = nnloop.evaluate(code, dataset="digits")
    assert by_path.val_accuracy == by_code.val_accuracy
    assert nnloop.evaluate("class Net(:\n", dataset="digits").status == "unparseable"
    assert list(here.iterdir()) == [here / "net.py"]
