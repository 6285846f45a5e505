"""docs/extending.md is true: its diff applies to the package, and what it adds works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

TEXT = (ROOT / "docs/extending.md").read_text()
DIFF = TEXT.split("```diff\n")[1].split("```")[0]


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the package with the diff applied."""
    for part in ("nnloop", "conf", "sweeps", "tests/parents", "tests/support"):
        shutil.copytree(
            ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "weights", "results")
        )
    for file in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    subprocess.run(["git", "apply"], input=DIFF, cwd=tmp_path, text=True, check=True)
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_an_option_is_two_python_files_its_values_and_its_test() -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", DIFF, re.M)
    assert touched == [
        "conf/parents/tournament.yaml",
        "nnloop/settings/strategy.py",
        "nnloop/parents/__init__.py",
        "tests/parents/test_parents.py",
    ]


def test_the_added_option_composes_and_its_test_passes(changed: Path) -> None:
    given = ["llm=random", "dataset=digits", "parents=tournament", "parents.size=8", "dry_run=true"]
    told = python(changed, "nnloop", *given)
    assert told.returncode == 0, told.stderr
    assert "random-digits-delta-s0-parents_tournament-parents.size_8" in told.stdout
    wrong = python(changed, "nnloop", *given, "parents.size=0")
    assert wrong.stderr == "nnloop: parents.size=0: must lie between 1 and 1000\n"
    tests = python(changed, "pytest", "tests/parents/test_parents.py", "-k", "tournament", "-p", "no:cacheprovider")
    assert tests.returncode == 0, tests.stdout
    assert "passed" in tests.stdout or "[100%]" in tests.stdout
