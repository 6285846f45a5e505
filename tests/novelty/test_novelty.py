"""Novelty: what each rule sees, and that retrieval misses nothing."""

import ast
import functools
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from edits import BASE, WIDER, seed_sources
from paths import BENCH

from nnloop.novelty import Novelty, build, minhash
from nnloop.novelty.minhash import MinHashIndex, choose_bands
from nnloop.novelty.shingles import Shingles, jaccard, shingle
from nnloop.records import candidate_id
from nnloop.settings import MinHashSettings, NoNoveltySettings


def settings(unit: str, threshold: float = 0.9, size: int = 10) -> MinHashSettings:
    return MinHashSettings(unit, unit, size, 256, 0.85, threshold)


UNITS = ["tokens", "chars", "graph"]  # without graphs, "graph" compares statements
RULES = [*map(settings, UNITS), NoNoveltySettings("off")]
each_rule = pytest.mark.parametrize("rule", RULES, ids=[*UNITS, "off"])
each_unit = pytest.mark.parametrize("unit", UNITS)
both_units = pytest.mark.parametrize("unit", ["tokens", "chars"])


@functools.cache
def hashed(unit: str, code: str) -> Shingles:
    shingles = shingle(code, "statements" if unit == "graph" else unit, 10)
    assert shingles is not None
    return shingles


def overlap(unit: str, one: str, other: str) -> float:
    return jaccard(hashed(unit, one), hashed(unit, other))


def known(rule: MinHashSettings | NoNoveltySettings, sources: list[str]) -> Novelty:
    index = build(rule)
    for source in sources:
        index.add(candidate_id(source), source, None)
    return index


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


@each_unit
def test_the_nearest_is_the_true_one(unit: str) -> None:
    sources = seed_sources()
    index = known(settings(unit), sources)
    others = [hashed(unit, source) for source in sources]
    for source in (BASE, *(source.replace("nn.ReLU", "nn.GELU").replace("32", "48") + "# x\n" for source in sources)):
        values = [jaccard(hashed(unit, source), other) for other in others]
        verdict = index.judge("new", source, None)
        assert verdict.max_jaccard == max(values)
        nearest = candidate_id(sources[values.index(max(values))]) if max(values) else None
        assert verdict.nearest == nearest
        assert verdict.novel == (max(values) < 0.9)


@each_unit
def test_beyond_the_scan_lsh_retrieves_the_nearest(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = seed_sources()
    scanned = known(settings(unit), sources)
    monkeypatch.setattr(minhash, "SCAN", 3)
    retrieved = known(settings(unit), sources)
    for source in sources:
        edited = source.replace("dropout", "drop", 1) + "\n\nclass Extra:\n    pass\n"
        assert retrieved.judge("new", edited, None) == scanned.judge("new", edited, None)


def test_the_threshold_is_exclusive() -> None:
    other = BASE.replace("self.head", "self.last")
    value = overlap("tokens", BASE, other)
    assert not known(settings("tokens", value), [BASE]).judge("x", other, None).novel
    assert known(settings("tokens", value + 1e-9), [BASE]).judge("x", other, None).novel


@each_unit
def test_comments_docstrings_and_layout_do_not_count(unit: str) -> None:
    commented = BASE.replace("class Net(nn.Module):\n", 'class Net(nn.Module):\n    """A net."""\n\n    # comment\n')
    commented = commented.replace("nn.Conv2d(3, 16, 3)", "nn.Conv2d(\n            3, 16,\n            3)  # first")
    assert commented != BASE
    assert overlap(unit, BASE, commented) == 1.0
    assert overlap(unit, BASE, ast.unparse(ast.parse(BASE))) == 1.0


EDITS = {
    "width": BASE.replace("16", "24"),
    "kernel": BASE.replace("32, 3)", "32, 5)"),
    "text": BASE.replace("import torch\n", "import torch\n\nNAME = 'x'\n"),
    "activation": BASE.replace("nn.ReLU", "nn.GELU"),
    "rename": BASE.replace("self.a", "self.stem"),
    "order": BASE.replace("self.act(self.a(x))", "self.a(self.act(x))"),
}


@pytest.mark.parametrize("edit", ["width", "kernel", "text"])
def test_the_token_rule_is_blind_to_numbers_and_to_code_outside_classes(edit: str) -> None:
    assert overlap("tokens", BASE, EDITS[edit]) == 1.0


@pytest.mark.parametrize("edit", ["activation", "rename", "order"])
def test_the_token_rule_sees_names_and_order(edit: str) -> None:
    assert overlap("tokens", BASE, EDITS[edit]) < 1.0


@pytest.mark.parametrize("edit", EDITS)
def test_the_character_rule_sees_every_edit(edit: str) -> None:
    assert overlap("chars", BASE, EDITS[edit]) < 1.0


@both_units
def test_a_rename_moves_the_textual_rules_more_than_a_width(unit: str) -> None:
    assert overlap(unit, BASE, EDITS["rename"]) < overlap(unit, BASE, EDITS["width"])


def test_helper_classes_count() -> None:
    helper = "class Helper(nn.Module):\n    def forward(self, x):\n        return x * 2 + x.mean()\n"
    assert overlap("tokens", BASE, f"{BASE}\n\n{helper}") < 1.0


def test_a_source_shorter_than_a_shingle_has_one() -> None:
    short = shingle("class N: x = 1", "tokens", 10)
    assert short is not None
    assert len(short) == 1


def test_the_bands_retrieve_near_duplicates() -> None:
    bands, rows = choose_bands(0.85, 256)
    assert bands * rows <= 256
    assert 1 - (1 - 0.85**rows) ** bands >= 0.95
    assert 1 - (1 - 0.90**rows) ** bands >= 0.999
    assert 1 - (1 - 0.50**rows) ** bands <= 0.01


def test_lsh_recalls_near_duplicates_of_random_sets() -> None:
    rng = np.random.default_rng(0)
    index = MinHashIndex(settings("tokens"), "tokens")
    found = 0
    for number in range(200):
        union = rng.integers(0, 2**63, 420, dtype=np.uint64)
        one, other = np.sort(union[:400]), np.sort(union[20:])  # Jaccard 380 / 420 = 0.905
        index._index.insert(number, index._minhash(index._signature(one)))
        found += number in index._index.query(index._minhash(index._signature(other)))
    assert found >= 198


def test_importing_loads_neither_torch_nor_datasketch() -> None:
    code = "import sys, nnloop.novelty; sys.exit(bool({'torch', 'datasketch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_order_of_adding_does_not_change_a_verdict() -> None:
    sources = seed_sources()
    shuffled = random.Random(0).sample(sources, len(sources))
    first, second = known(RULES[0], sources), known(RULES[0], shuffled)
    assert first.judge("x", BASE, None).max_jaccard == second.judge("x", BASE, None).max_jaccard


@each_unit
def test_what_was_saved_is_restored_without_a_look_at_the_code(unit: str, tmp_path: Path) -> None:
    sources = seed_sources()
    first = known(settings(unit), sources)
    first.save(tmp_path / "novelty")
    again = build(settings(unit))
    again.restore(tmp_path / "novelty")
    assert again.judge(candidate_id(sources[0]), sources[0], None).nearest is None  # nothing is known yet
    for source in sources:
        again.add(candidate_id(source), "not even Python (", None)
    assert again.judge("new", BASE, None) == first.judge("new", BASE, None)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 damaged", b"\x93NUMPY"])
def test_a_file_that_cannot_be_read_is_left_aside(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "signatures.npz").write_bytes(content)
    index = MinHashIndex(settings("tokens"), "tokens")
    index.restore(tmp_path / "signatures.npz")
    index.add("a", BASE)
    assert index.judge("b", BASE).max_jaccard == 1.0


def test_signatures_of_another_rule_are_left_aside(tmp_path: Path) -> None:
    other = MinHashIndex(settings("tokens"), "chars")
    other.add(candidate_id(BASE), BASE)
    other.save(tmp_path / "signatures.npz")
    index = MinHashIndex(settings("tokens"), "tokens")
    index.restore(tmp_path / "signatures.npz")
    index.add(candidate_id(BASE), WIDER)
    assert index.judge("new", WIDER).max_jaccard == 1.0


def test_an_empty_index_is_saved_and_restored(tmp_path: Path) -> None:
    MinHashIndex(settings("tokens"), "tokens").save(tmp_path / "signatures.npz")
    again = MinHashIndex(settings("tokens"), "tokens")
    again.restore(tmp_path / "signatures.npz")
    assert len(again) == 0


def test_of_many_retrieved_the_most_similar_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family of 400 that LSH retrieves as a whole: the true nearest is found among the few that are verified."""
    rng = np.random.default_rng(0)
    index = MinHashIndex(settings("tokens"), "tokens")
    parent = rng.integers(0, 2**63, 400, dtype=np.uint64)
    members = [np.sort(np.concatenate([parent[at % 40 :], rng.integers(0, 2**63, 10, np.uint64)])) for at in range(400)]
    for number, member in enumerate(members):
        index._insert(str(number), member, index._signature(member))
    monkeypatch.setattr(minhash, "SCAN", 3)
    for member in members[::20]:
        wanted = np.sort(np.append(member[5:], rng.integers(0, 2**63, 5, np.uint64)))
        assert index._nearest(wanted)[1] == max(jaccard(wanted, each) for each in members)


SCRIPT = BENCH / "bench_novelty.py"


@pytest.mark.parametrize(
    ("rule", "size"),
    [("graph", 3_000), *(pytest.param(rule, 20_000, marks=pytest.mark.long) for rule in ("graph", "tokens"))],
)
def test_a_verdict_and_the_memory_stay_below_their_bars_as_the_archive_grows(rule: str, size: int) -> None:
    done = subprocess.run([sys.executable, SCRIPT, str(size), "--rule", rule], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
