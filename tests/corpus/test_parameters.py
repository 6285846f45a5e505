"""Operators on numbers, activations and norms: each applies, and changes what its name says."""

import difflib
import random
from collections.abc import Callable, Iterator

import pytest

from nnloop.corpus import parameters, seeds
from nnloop.corpus.layout import Layout

Operator = Callable[[Layout, random.Random], str | None]
IN_PLACE = [parameters.width, parameters.kernel, parameters.stride, parameters.parameter]
OPERATORS = [*IN_PLACE, parameters.activation, parameters.normalisation, parameters.dropout, parameters.head]


def edits(operator: Operator) -> Iterator[tuple[Layout, Layout]]:
    """Yield seeds with their edits by an operator."""
    rng = random.Random(0)
    for seed in seeds():
        layout = Layout(seed.code)
        if (code := operator(layout, rng)) is not None:
            yield layout, Layout(code)


def changed(old: Layout, new: Layout) -> list[str]:
    lines = difflib.ndiff(old.source.splitlines(), new.source.splitlines())
    return [line for line in lines if line.startswith("+ ")]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_an_operator_applies_to_seeds_and_changes_three_lines_at_most(operator: Operator) -> None:
    made = list(edits(operator))
    assert made
    for old, new in made:
        assert new.source != old.source
        assert len(changed(old, new)) <= 3


@pytest.mark.parametrize("operator", IN_PLACE, ids=lambda operator: operator.__name__)
def test_a_number_is_changed_in_its_place(operator: Operator) -> None:
    for old, new in edits(operator):
        assert [new.name(each) for each in new.elements] == [old.name(each) for each in old.elements]
        assert len(changed(old, new)) == 1


def test_a_stride_becomes_1_or_2() -> None:
    for old, new in edits(parameters.stride):
        before, after = ([each.number(block, "s", 1) for block in each.blocks()] for each in (old, new))
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
        assert set(after) <= {1, 2}


def test_an_activation_is_another_of_the_list() -> None:
    for old, new in edits(parameters.activation):
        (line,) = changed(old, new)
        assert any(f"nn.{name}" in line for name in parameters.ACTIVATIONS)


def test_a_network_without_such_a_place_is_left_alone() -> None:
    bare = Layout(
        "class Net:\n    def __init__(self):\n        self.net = nn.Sequential(nn.Flatten(), nn.Identity())\n"
    )
    for operator in (*OPERATORS[:6], parameters.head):
        assert operator(bare, random.Random(0)) is None
