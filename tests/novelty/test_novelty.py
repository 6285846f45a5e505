"""Novelty: what each rule sees, and that retrieval misses nothing."""

import random
import subprocess
import sys

import pytest
from edits import BASE, seed_sources
from novelty_cases import UNITS, each_unit, known, settings
from paths import BENCH

from nnloop.novelty import build
from nnloop.records import candidate_id
from nnloop.settings import MinHashSettings, NoNoveltySettings

RULES = [*map(settings, UNITS), NoNoveltySettings("off")]
each_rule = pytest.mark.parametrize("rule", RULES, ids=[*UNITS, "off"])


@each_rule
def test_the_first_network_is_novel(rule: MinHashSettings | NoNoveltySettings) -> None:
    verdict = build(rule).judge(candidate_id(BASE), BASE, None)
    assert (verdict.novel, verdict.max_jaccard, verdict.nearest) == (True, 0.0, None)


@each_rule
def test_a_known_network_is_not_novel(rule: MinHashSettings | NoNoveltySettings) -> None:
    verdict = known(rule, [BASE, *seed_sources()]).judge(candidate_id(BASE), BASE, None)
    assert (verdict.novel, verdict.max_jaccard, verdict.nearest) == (False, 1.0, candidate_id(BASE))


@each_rule
def test_judging_makes_nothing_known(rule: MinHashSettings | NoNoveltySettings) -> None:
    index = build(rule)
    assert index.judge("a", BASE, None) == index.judge("a", BASE, None)


@each_unit
@pytest.mark.parametrize("code", ["class Net(", "", "x = 1\n", "class Net: x = '\0'", "class Net: x = " + "(" * 300])
def test_what_cannot_be_read_is_not_novel(unit: str, code: str) -> None:
    index = known(settings(unit), [BASE])
    index.add("broken", code, None)
    verdict = index.judge("other", code, None)
    assert (verdict.novel, verdict.max_jaccard, verdict.nearest) == (False, 0.0, None)


def test_importing_loads_neither_torch_nor_datasketch() -> None:
    code = "import sys, nnloop.novelty; sys.exit(bool({'torch', 'datasketch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_order_of_adding_does_not_change_a_verdict() -> None:
    sources = seed_sources()
    shuffled = random.Random(0).sample(sources, len(sources))
    first, second = known(RULES[0], sources), known(RULES[0], shuffled)
    assert first.judge("x", BASE, None).max_jaccard == second.judge("x", BASE, None).max_jaccard


SCRIPT = BENCH / "bench_novelty.py"


@pytest.mark.parametrize(
    ("rule", "size"),
    [("graph", 3_000), *(pytest.param(rule, 20_000, marks=pytest.mark.long) for rule in ("graph", "tokens"))],
)
def test_a_verdict_and_the_memory_stay_below_their_bars_as_the_archive_grows(rule: str, size: int) -> None:
    done = subprocess.run([sys.executable, SCRIPT, str(size), "--rule", rule], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
