"""Imports run one way, and heavy packages are loaded only where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from paths import PACKAGE

LEAVES = {"json_record", "records", "errors", "seeding", "compat"}
BASE = LEAVES | {"settings", "runs", "stats", "measures", "pareto"}
BELOW_LOOP = BASE | {
    "data",
    "corpus",
    "novelty",
    "parents",
    "modes",
    "llm",
    "tracking",
    "report",
    "executor",
    "stop",
    "watch",
}
MAY_IMPORT: dict[str, set[str]] = {
    "json_record": set(),
    "records": {"json_record"},
    "compat": set(),
    "seeding": set(),
    "printable": set(),
    "naming": {"settings"},
    "stop": set(),
    "errors": {"records"},
    "stats": {"json_record", "records"},
    "measures": {"records", "stats"},
    "pareto": {"records"},
    "settings": {"errors", "records"},
    "patching": set(),
    "runs": LEAVES | {"settings"},
    "data": BASE,
    "training": BASE | {"data"},
    "corpus": BASE | {"patching"},
    "novelty": BASE | {"patching"},
    "parents": BASE | {"patching"},
    "modes": BASE | {"corpus", "patching"},
    "sandbox": BASE | {"data", "training"},
    "llm": BASE | {"corpus", "modes", "patching"},
    "tracking": BASE,
    "report": BASE | {"modes"},
    "watch": BASE | {"printable", "report"},
    "executor": BASE | {"data", "sandbox", "training"},
    "loop": BELOW_LOOP,
    "jobs": BELOW_LOOP | {"loop"},
    "build": BELOW_LOOP | {"loop", "jobs", "printable"},
    "command_line": {"settings"},
    "api": BASE | {"launch", "build", "jobs", "report", "printable", "stop"},
    "launch": {"command_line", "errors", "settings", "naming", "runs", "executor", "printable"},
    "__main__": {"api", "command_line", "errors", "settings", "launch", "stop", "printable"},
    "__init__": {"api", "errors"},
}
"""By room, the rooms beneath it."""
ONLY_IN = {
    "hydra": {"__main__", "build", "settings", "launch"},
    "omegaconf": {"__main__", "build", "settings", "launch"},
    "wandb": {"tracking"},
    "aiohttp": {"watch"},
    "submitit": {"executor"},
    "transformers": {"llm"},
    "peft": {"llm"},
    "lightning": {"training", "sandbox"},
    "datasketch": {"novelty"},
}
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "seeds" not in path.relative_to(PACKAGE).parts[:-1]]


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Dotted names of every module that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_lies_below_it(path: Path) -> None:
    own = {name.split(".")[1] for name in imports(path) if name.startswith("nnloop.")}
    own -= {room(path), "__version__"}
    assert own <= MAY_IMPORT[room(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_heavy_package_is_imported_only_in_its_room(path: Path) -> None:
    for package in {name.split(".")[0] for name in imports(path)} & set(ONLY_IN):
        assert room(path) in ONLY_IN[package]


def test_building_a_search_loads_no_heavy_package() -> None:
    heavy = "{'torch', 'transformers', 'wandb', 'lightning', 'matplotlib', 'sklearn', 'scipy'}"
    code = f"import sys, nnloop.build; print({heavy} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("none\n", "")


def test_the_entry_point_is_imported_nowhere() -> None:
    files = [*FILES, *(PACKAGE.parent / "tests").rglob("*.py")]
    assert [path for path in files if any(name.startswith("nnloop.__main__") for name in imports(path))] == []
