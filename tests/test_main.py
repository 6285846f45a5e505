"""Wrong input is one line on stderr and exit code 2, never a traceback."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = (
    "dataset=digits",
    "corpus.trials=1",
    "corpus.limit=8",
    "llm=random",
    "finetune=off",
    "tracker=none",
    "cycles=1",
    "candidates=1",
)


def nnloop(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nnloop", *arguments], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["llm=gpt"], r"llm=gpt: no such option; allowed: bandit, deepseek.*qwen.*tiny"),
        (["dataset=imagenet"], r"dataset=imagenet: no such option; did you mean imagenette\?$"),
        (["candidats=3"], r"candidats: no such setting; did you mean candidates"),
        (["mode.params=3"], r"mode\.params: no such setting; did you mean mode\.max_params"),
        (["llm=tiny", "llm.base_url=x"], r"llm\.base_url: .* has no such setting; llm\.engine=openai has$"),
        (["search"], r"search: a setting is given as key=value; did you mean job=search\?$"),
        (["llm=null"], r"a group has no option null; --help"),
        (["repair=1"], r"repair: is now called retries$"),
        (["+admission.pool=good"], r"admission\.pool: is now called selection\.rule$"),
        (["llm=qwen", "llm.rest=free"], r"llm\.rest: is now called llm\.offload"),
        (["experiment=paper_ful"], r"experiment=paper_ful: no such option; did you mean paper_full"),
        (["debug=one"], r"debug=one: no such option; allowed: one_candidate"),
        (["job=report", "runs=outputs/a-cycles=2"], r"runs=outputs/a-cycles=2: no such folder"),
        (["name=.."], r"name=\.\.: must be a folder's plain name"),
        (["name=a/b"], r"name=a/b: must be a folder's plain name"),
        (["sandbox.without=[foo]"], r"sandbox\.without=foo: must be one of user, pid, net"),
        (["-m", "repair=0,1", "dry_run=true"], r"repair: is now called retries$"),
        (["seed=abc"], r"seed=abc"),
        (["seed=[1"], r"seed=\[1"),
        ([*QUICK, "dataset=cifar10", "dataset.root=/nowhere"], r"dataset\.root.*/nowhere"),
        ([*QUICK, "hydra.run.dir=/proc/nnloop"], r"/proc/nnloop"),
        (["job=evaluate", "dataset=digits", "candidate=nowhere.py"], r"candidate=nowhere\.py"),
        (["job=report", "runs=nowhere"], r"nowhere"),
        (["--config-name", "nosweep"], r"--config-name nosweep: no such sweep; allowed: .*demo"),
        (["resume=nowhere", "dry_run=true"], r"resume=nowhere: nowhere holds no run to start from$"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = nnloop(tmp_path, *arguments)
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2, done.stderr
    assert len(said) == 1, done.stderr
    assert re.match(rf"nnloop: .*{message}", said[0])
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("")
    done = nnloop(tmp_path, *QUICK)
    assert done.returncode == 2
    assert re.fullmatch(r"nnloop: outputs.*\n", done.stderr)


def test_one_wrong_job_of_a_multirun_does_not_end_the_others(tmp_path: Path) -> None:
    done = nnloop(tmp_path, "-m", *QUICK, "selection.rule=nobody,good")
    assert done.returncode == 2
    assert "selection.rule=nobody" in done.stderr
    assert "Traceback" not in done.stderr
    folders = {path.parent.name for path in (tmp_path / "outputs/search").glob("*/archive.jsonl")}
    assert len(folders) == 1
    assert (tmp_path / "outputs/search" / folders.pop() / "cycles/0000/report.json").exists()


def test_an_override_without_effect_is_told_and_the_job_runs(tmp_path: Path) -> None:
    done = nnloop(tmp_path, "job=prepare", "dataset=digits", "cycles=3")
    assert done.returncode == 0
    assert "cycles=3: job=prepare does not read it" in done.stderr
    assert list(tmp_path.iterdir()) == []  # it has written nothing


def test_help_and_the_config_come_without_torch(tmp_path: Path) -> None:
    for arguments in (["--help"], ["--cfg", "job"]):
        command = [sys.executable, "-X", "importtime", "-m", "nnloop", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0
        assert not re.search(r"\| +(torch|transformers|wandb)$", done.stderr, re.M)
    assert "llm:" in nnloop(tmp_path, "--help").stdout
