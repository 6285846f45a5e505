"""For the tests of novelty: its rules, and what two sources have in common."""

import functools

import pytest

from nnloop.novelty import Novelty, build
from nnloop.novelty.shingles import Shingles, jaccard, shingle
from nnloop.records import candidate_id
from nnloop.settings import MinHashSettings, NoNoveltySettings


def settings(unit: str, threshold: float = 0.9, size: int = 10) -> MinHashSettings:
    return MinHashSettings(unit, unit, size, 256, 0.85, threshold)


UNITS = ["tokens", "chars", "graph"]  # without graphs, "graph" compares statements
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
