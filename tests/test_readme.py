"""The commands of README and docs: blocks marked `sh run` are run, the others are composed, make targets exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

PAGES = ("README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"```sh( run)?\n(.*?)```", re.S)


def commands(runnable: bool) -> list[str]:
    """Commands of the pages' shell blocks, continued lines joined, comments dropped."""
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    blocks = [body for mark, body in BLOCK.findall(text) if bool(mark) == runnable]
    lines = [line.partition(" #")[0].strip() for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def arguments(command: str) -> list[str]:
    """What follows `python -m nnloop`, with the README's placeholders filled."""
    _, _, rest = command.partition("-m nnloop")
    return shlex.split(rest.replace("<folder>", "/nowhere"))


def is_nnloop(command: str) -> bool:
    return "-m nnloop" in command


@pytest.mark.parametrize("command", [c for c in commands(False) + commands(True) if c.startswith("make")])
def test_a_make_target_of_the_readme_exists(command: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(command.split()[1:]) <= set(targets)


@pytest.mark.parametrize("command", [c for c in commands(False) if is_nnloop(c)])
def test_a_command_of_the_readme_composes(command: str, tmp_path: Path) -> None:
    given = [argument for argument in arguments(command) if argument not in ("-m", "--multirun")]
    single = [argument if {"{", "["} & set(argument) else argument.split(",")[0] for argument in given]
    done = subprocess.run(
        [sys.executable, "-m", "nnloop", *single, "--cfg", "job"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", [c for c in commands(True) if is_nnloop(c)])
def test_a_runnable_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text((ROOT / "nnloop/corpus/seeds/residual.py").read_text())
    done = subprocess.run([sys.executable, "-m", "nnloop", *arguments(command)], cwd=tmp_path, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def test_the_readme_has_commands_of_each_kind() -> None:
    assert any(is_nnloop(command) for command in commands(True))
    assert any(is_nnloop(command) for command in commands(False))
    assert any(command.startswith("make") for command in commands(False) + commands(True))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text()):
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
