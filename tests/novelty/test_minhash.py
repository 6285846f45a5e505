"""The index: retrieval misses nothing near, and a saved index is restored or left aside."""

from pathlib import Path

import numpy as np
import pytest
from edits import BASE, WIDER, seed_sources
from novelty_cases import each_unit, hashed, known, overlap, settings

from nnloop.novelty import build, minhash
from nnloop.novelty.minhash import MinHashIndex, choose_bands
from nnloop.novelty.shingles import jaccard
from nnloop.records import candidate_id


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


def test_the_bands_retrieve_near_duplicates() -> None:
    bands, rows = choose_bands(0.85, 256)
    assert bands * rows <= 256
    assert 1 - (1 - 0.85**rows) ** bands >= 0.95
    assert 1 - (1 - 0.90**rows) ** bands >= 0.999
    assert 1 - (1 - 0.50**rows) ** bands <= 0.01


def test_lsh_recalls_near_duplicates_of_random_sets() -> None:
    rng = np.random.default_rng(0)
    index = MinHashIndex(settings("tokens"), "tokens")
    retrieved = 0
    for number in range(200):
        union = rng.integers(0, 2**63, 420, dtype=np.uint64)
        one, other = np.sort(union[:400]), np.sort(union[20:])  # Jaccard 380 / 420 = 0.905
        index._index.insert(number, index._minhash(index._signature(one)))
        retrieved += number in index._index.query(index._minhash(index._signature(other)))
    assert retrieved >= 198


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
