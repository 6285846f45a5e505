"""One word a thing: names stand once, are the field's, and calls and docstrings can be read by a stranger."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import PACKAGE, ROOT, TESTS

CLASSES_TWICE: dict[str, str] = {}
"""Class names that stand in two modules, with the reason."""

MODULES_TWICE = {
    "measures": "nnloop/measures.py defines each measure, report/measures/ reads finished runs by them",
}
"""Names of modules and rooms that stand twice, with the reason. A file of jobs/ is named for its command."""

PRIVATE_WORDS = {
    "assessor": "evaluator",
    "baseline": "parent; in a comparison, control",
    "baselines": "parents",
    "found": "what it holds: entries, networks, path",
    "lap": "record",
    "leg": "segment",
    "legs": "segments",
    "lot": "batch",
    "lots": "batches",
    "mend": "salvage",
    "mended": "salvaged",
    "mends": "salvages",
    "meter": "cost tracker",
    "paused": "checkpoint",
    "pose": "build, make_trial",
    "poser": "prompt builder",
    "repair": "retry",
    "repaired": "retried",
    "repairs": "retries",
    "sees": "visible_results",
    "settle": "flush",
    "shelf": "trial cache",
}
"""Words that a reader would have to learn, and the field's word for each."""

ALLOWED_NAMES = {
    "FileNotFoundError": "Python's",
    "HTTPNotFound": "aiohttp's",
    "PackageNotFoundError": "Python's",
}
"""Names that hold a private word all the same, with the reason."""

CONTROL_ARMS = ("jobs/report.py", "report/", "settings/groups.py")
"""Files in which a baseline is the control arm of a comparison, as in job.baseline."""

RIDDLES = ("What", "Who", "Whether", "Where", "How", "Of", "As", "By", "That", "Those")
PHRASES = ("what is", "those that", "where there is none", "where there is no ")

FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "seeds" not in path.relative_to(PACKAGE).parts]
TREES = {path: ast.parse(path.read_text()) for path in FILES}
BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.IfExp, ast.comprehension, ast.Match, ast.BoolOp)
STANDARD = {"pack"}  # struct's, of the same name as one of ours
DEFINED = {
    node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
}


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that the code gives or uses, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value.lineno


def words(name: str) -> set[str]:
    return set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))


def label(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_no_class_name_stands_twice() -> None:
    places = defaultdict(list)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(label(path))
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in CLASSES_TWICE} == {}


def test_no_module_name_stands_twice() -> None:
    places = defaultdict(list)
    for path in FILES:
        name = path.parent.name if path.stem == "__init__" else path.stem
        if path.parent.name != "jobs" and path != PACKAGE / "__init__.py":
            places[name].append(label(path))
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in MODULES_TWICE} == {}


@pytest.mark.parametrize("path", FILES, ids=label)
def test_names_are_the_fields_words(path: Path) -> None:
    private = {
        f"{name}, line {line}: {PRIVATE_WORDS[word]}"
        for name, line in names(TREES[path])
        for word in words(name) & PRIVATE_WORDS.keys()
        if name not in ALLOWED_NAMES and not (word == "baseline" and label(path).startswith(CONTROL_ARMS))
    }
    assert private == set()


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_call_of_ours_gives_at_most_three_positional_arguments(path: Path) -> None:
    crowded = []
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = [argument for argument in node.args if not isinstance(argument, ast.Starred)]
            if len(given) > 3 and name in (DEFINED | {"cls"}) - STANDARD:
                crowded.append(f"{name}, line {node.lineno}")
    assert crowded == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_docstring_is_a_sentence_and_no_riddle(path: Path) -> None:
    riddles = []
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            text = ast.get_docstring(node) or ""
            if text.split(" ")[0] in RIDDLES or any(phrase in text for phrase in PHRASES):
                riddles.append(text.splitlines()[0])
    assert riddles == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_module_with_a_branch_has_a_test_file_of_its_name(path: Path) -> None:
    branches = any(isinstance(node, BRANCHES) for node in ast.walk(TREES[path]))
    if branches and path.stem != "__init__":
        inside = path.relative_to(PACKAGE)
        assert (TESTS / inside.parent / f"test_{path.stem.strip('_')}.py").exists(), inside


def test_every_room_and_test_folder_have_the_same_name() -> None:
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert folders <= {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert (ROOT / "docs/architecture.md").exists()
