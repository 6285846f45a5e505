"""Structural edits: any edit gives a network that builds."""

import difflib
import random

import pytest
import torch
from networks import build

from nnloop.corpus import seeds
from nnloop.corpus.edits import OPERATORS, apply_operator, mutate, random_edit, random_network
from nnloop.corpus.layout import Layout
from nnloop.records import candidate_id

pytestmark = pytest.mark.usefixtures("one_thread")


def assert_runs(code: str) -> None:
    """Train on small images, answer on larger ones."""
    for batch, channels, size, trains in ((4, 1, 8, True), (2, 3, 32, False)):
        net = build(code, batch, channels, size, 10)
        with torch.set_grad_enabled(trains):
            logits = net(torch.randn(batch, channels, size, size))
        assert logits.shape == (batch, 10), code
        if trains:
            logits.sum().backward()


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_builds_from_every_seed(operator: str) -> None:
    rng = random.Random(operator)
    edited = [apply_operator(operator, seed.code, rng) for seed in seeds()]
    made = [code for code in edited if code is not None]
    assert made, f"{operator} never applies"
    for code in made:
        assert_runs(code)


def test_chains_of_edits_build() -> None:
    rng = random.Random(1)
    for _ in range(200):
        assert_runs(mutate(rng.choice(seeds()).code, rng, rng.randint(1, 8)))


def test_every_operator_changes_the_network() -> None:
    rng = random.Random(2)
    for seed in seeds():
        assert candidate_id(random_edit(seed.code, rng)) != seed.id


def test_an_edit_leaves_the_other_lines_as_they_stand() -> None:
    rng = random.Random(3)
    sizes = []
    for _ in range(100):
        seed = rng.choice(seeds())
        lines = difflib.ndiff(seed.code.splitlines(), random_edit(seed.code, rng).splitlines())
        sizes.append(sum(line.startswith("-") for line in lines))
    assert max(sizes) <= 3


def test_long_chains_stay_small() -> None:
    rng = random.Random(4)
    for _ in range(5):
        layout = Layout(mutate(rng.choice(seeds()).code, rng, 60))
        assert len(layout.elements) <= 16
        assert max(map(len, layout.source.splitlines())) <= 100


def test_the_same_seed_gives_the_same_network() -> None:
    assert Layout(random_network(random.Random(7))).source == random_network(random.Random(7))
    assert random_network(random.Random(7)) != random_network(random.Random(8))


def test_a_class_that_an_edit_needs_comes_with_its_import() -> None:
    plain = next(seed.code for seed in seeds() if seed.name == "plain")
    rng = random.Random(5)
    code = next(code for _ in range(50) if (code := apply_operator("branch", plain, rng)) and "Cat(" in code)
    assert code.startswith("import torch\nfrom torch import nn\n")
    assert "class Cat(nn.ModuleList):" in code


@pytest.mark.parametrize("source", ["def", "x = 1", "class Net:\n    pass\n"])
def test_code_outside_the_idiom_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"Net|Python"):
        random_edit(source, random.Random(0))
