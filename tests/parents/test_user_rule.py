"""parents=own: a user's function chooses the parents, and every fault of it is one line that names the key."""

import random
import sys
from pathlib import Path
from typing import Any

import pytest

from nnloop.errors import RuleError, SettingsError
from nnloop.parents import make_rule
from nnloop.parents.pool import Pool, PromptSlot, SelectedNetwork
from nnloop.records import Network
from nnloop.settings import OwnParentsSettings

CORPUS = [Network(f"c{n}", "", f"c{n}", 0.5 + n / 100) for n in range(3)]
POOL = Pool(CORPUS, [SelectedNetwork(Network("r0", "", "r0", 0.9), cycle=0, slot=0)])
HEAD = "def rule(pool, place, *, count, rng, best=2):\n    "


def choose(folder: Path, body: str, count: int = 1, name: str = "rule", **options: Any) -> list[str]:
    """Write the rule's file, load it and choose."""
    (folder / "rules.py").write_text(HEAD + body)
    rule = make_rule(OwnParentsSettings("own", f"{folder / 'rules.py'}:{name}", options))
    return [one.id for one in rule(POOL, PromptSlot(1, 2), count=count, rng=random.Random(0))]


def test_the_function_gets_pool_place_count_generator_and_options(tmp_path: Path) -> None:
    body = "assert (place.cycle, place.slot, count) == (1, 2, 2)\n    return rng.sample(pool.corpus, 3)[:best]"
    assert len(choose(tmp_path, body, count=2)) == 2
    assert len(choose(tmp_path, body, count=2, best=1)) == 1
    assert choose(tmp_path, "yield pool.run[0].network") == ["r0"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", r"raised ZeroDivisionError: division by zero \(rules\.py, line 2\)"),
        ("return rng.choices([])", r"raised IndexError: .* \(rules\.py, line 2\)"),
        ("raise SystemExit('bye')", r"raised SystemExit: bye"),
        ("pool.corpus.sort()", r"raised AttributeError"),
        ("pass", r"returned NoneType; it must return a list of networks"),
        ("return pool.corpus[0]", r"returned Network; it must return a list of networks"),
        ("return 'c0'", r"returned str; it must return a list of networks"),
        ("return ['c0']", r"returned 'c0', which is no network of the pool"),
        ("return [pool.run[0]]", r"returned SelectedNetwork\(.*, which is no network of the pool"),
        ("return []", r"returned 0 networks, 0 different ones; wanted are 1 to 2"),
        ("return pool.corpus[:3]", r"returned 3 networks, 3 different ones; wanted are 1 to 2"),
        ("return [pool.corpus[0]] * 2", r"returned 2 networks, 1 different ones; wanted are 1 to 2"),
    ],
)
def test_a_rule_that_raises_or_returns_nonsense_is_named(tmp_path: Path, body: str, message: str) -> None:
    end = "; mend it, and the same command goes on$"
    with pytest.raises(RuleError, match=rf"^parents\.rule=.*rules\.py:rule: {message}.*{end}"):
        choose(tmp_path, body, count=2)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("rules.py", "must be <file>.py:<function> or <module>:<function>"),
        ("nowhere.py:rule", "importing nowhere.py raised FileNotFoundError: No such file or directory"),
        (
            "no.such.module:rule",
            "importing no.such.module raised ModuleNotFoundError: No module named 'no' .*; a file ends in .py",
        ),
        ("random:smaple", "random has no function smaple; did you mean sample"),
        ("random:choice", "too many positional arguments; it is called as rule"),
    ],
)
def test_a_place_without_a_rule_is_told(rule: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^parents\.rule={rule}: .*({message})"):
        make_rule(OwnParentsSettings("own", rule, {}))


def test_a_file_that_can_t_be_run_and_an_unknown_option_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"raised SyntaxError: .*\(rules\.py, line 2\)"):
        choose(tmp_path, "return (")
    with pytest.raises(SettingsError, match=r"got an unexpected keyword argument 'worst'; it is called as rule\(pool"):
        choose(tmp_path, "return pool.corpus[:1]", worst=3)


def test_a_changed_file_is_read_anew_and_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_rules.py").write_text("PLACE = 1\n")
    for change in (0, 1):
        text = f"from neighbour_of_rules import PLACE\n{HEAD}return [pool.corpus[PLACE + {change}]]"
        (tmp_path / "rules.py").write_text(text)
        rule = make_rule(OwnParentsSettings("own", f"{tmp_path / 'rules.py'}:rule", {}))
        assert [*rule(POOL, PromptSlot(0, 0), count=1, rng=random.Random(0))] == [CORPUS[1 + change]]
    assert str(tmp_path) not in sys.path
