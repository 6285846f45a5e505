"""Operators on whole elements: each applies, and the elements become what its name says."""

import random
from collections.abc import Callable, Iterator

import pytest

from nnloop.corpus import seeds, structure
from nnloop.corpus.layout import Layout
from nnloop.corpus.library import GATES

Operator = Callable[[Layout, random.Random], str | None]
OPERATORS = [
    structure.insertion,
    structure.removal,
    structure.duplication,
    structure.skip,
    structure.pooling,
    structure.attention,
    structure.branch,
]


def edits(operator: Operator) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the elements of seeds before and after an operator."""
    rng = random.Random(0)
    for seed in seeds() * 2:
        layout = Layout(seed.code)
        if (code := operator(layout, rng)) is not None:
            new = Layout(code)
            yield [layout.text(each) for each in layout.elements], [new.text(each) for each in new.elements]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_an_operator_applies_to_seeds_and_changes_their_elements(operator: Operator) -> None:
    made = list(edits(operator))
    assert made
    assert all(before != after for before, after in made)


def test_an_insertion_adds_one_element_and_keeps_the_others() -> None:
    for before, after in edits(structure.insertion):
        assert len(after) == len(before) + 1
        assert any(before == after[:at] + after[at + 1 :] for at in range(len(after)))


def test_a_removal_takes_one_element_out_and_leaves_a_block() -> None:
    for before, after in edits(structure.removal):
        assert any(after == before[:at] + before[at + 1 :] for at in range(len(before)))


def test_a_duplication_repeats_an_element_behind_itself() -> None:
    for before, after in edits(structure.duplication):
        at = next(at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
        assert after[at] == after[at - 1]
        assert after[:at] + after[at + 1 :] == before


def test_attention_puts_a_gate_in_or_takes_one_out() -> None:
    for before, after in edits(structure.attention):
        gates = [sum(text.startswith(GATES) for text in texts) for texts in (before, after)]
        assert abs(gates[1] - gates[0]) == abs(len(after) - len(before)) == 1


def test_a_skip_wraps_adds_or_unwraps_a_residual() -> None:
    for before, after in edits(structure.skip):
        wrapped = [sum(text.startswith(structure.WRAPPERS) for text in texts) for texts in (before, after)]
        assert wrapped[0] != wrapped[1]


def test_a_branch_keeps_the_number_of_elements() -> None:
    for before, after in edits(structure.branch):
        assert len(before) == len(after)
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
