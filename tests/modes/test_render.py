"""Prompts and training targets: the expected texts are written out."""

import random

import pytest

from nnloop.corpus.edits import mutate, random_network
from nnloop.modes.render import Task, delta_target, full_target, render
from nnloop.records import Network

DIGITS = Task("Digits", "grey 8x8 images of handwritten digits", classes=10, channels=1, size=8)
NET = Network(id="0123", code="class Net:\n    pass\n", name="net")
DELTA = """\
Task: classify the images of Digits (grey 8x8 images of handwritten digits).
There are 10 classes; an image has the shape (1, 8, 8).
Below is a PyTorch network for it.
Its validation accuracy is not known.
Change its architecture so that the validation accuracy after one epoch of training rises.
Keep the interface: class Net(nn.Module) with __init__(self, in_shape, out_shape, prm, device) and forward(self, x).
in_shape is (batch, channels, height, width), out_shape is (classes,), and forward returns logits of shape (batch, classes).
Answer with a unified diff of the code, between <delta> and </delta>, and nothing else.

<nn>
class Net:
    pass
</nn>"""  # noqa: E501

FULL = """\
Task: classify the images of Digits (grey 8x8 images of handwritten digits).
There are 10 classes; an image has the shape (1, 8, 8).
Below is a PyTorch network for it.
After one epoch of training its validation accuracy is 87.5%.
Write a new network of another architecture, whose validation accuracy after one epoch of training is higher.
Keep the interface: class Net(nn.Module) with __init__(self, in_shape, out_shape, prm, device) and forward(self, x).
in_shape is (batch, channels, height, width), out_shape is (classes,), and forward returns logits of shape (batch, classes).
Use at most 50000 parameters.
Answer with the whole Python module, between <nn> and </nn>, and nothing else.

<nn>
class Net:
    pass
</nn>"""  # noqa: E501


def test_the_delta_prompt() -> None:
    assert render("delta", NET, DIGITS).text == DELTA


def test_the_full_prompt_with_accuracy_and_cap() -> None:
    task = Task("Digits", DIGITS.description, 10, 1, 8, max_params=50_000)
    assert render("full", Network("0123", NET.code, "net", val_accuracy=0.875), task).text == FULL


def test_a_prompt_names_its_parent_and_mode() -> None:
    prompt = render("full", NET, DIGITS)
    assert (prompt.parent, prompt.mode) == ("0123", "full")


def test_braces_in_the_code_stay_as_they_are() -> None:
    assert "{a: {}}" in render("delta", Network("1", "x = {a: {}}\n", "x"), DIGITS).text


def test_a_target_with_line_numbers_is_the_ordinary_unified_diff() -> None:
    assert delta_target("a\nb\nc\n", "a\nx\nc\n", context_lines=1, line_numbers=True) == (
        "<delta>\n--- a/net.py\n+++ b/net.py\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n</delta>"
    )


def test_a_target_without_line_numbers_has_bare_headers() -> None:
    assert (
        delta_target("a\nb\nc\nd\n", "a\nx\nc\nd\n", context_lines=1, line_numbers=False)
        == "<delta>\n@@ @@\n a\n-b\n+x\n c\n</delta>"
    )


def test_context_grows_until_the_place_is_the_only_one() -> None:
    old = "a\nb\nc\nz\na\nb\nc\n"
    assert (
        delta_target(old, "a\nb\nc\nz\na\nx\nc\n", context_lines=1, line_numbers=False)
        == "<delta>\n@@ @@\n z\n a\n-b\n+x\n c\n</delta>"
    )


def test_an_insertion_has_context() -> None:
    assert (
        delta_target("a\nb\n", "a\nx\nb\n", context_lines=1, line_numbers=False)
        == "<delta>\n@@ @@\n a\n+x\n b\n</delta>"
    )


def test_hunks_that_touch_become_one() -> None:
    assert (
        delta_target("a\nb\nc\n", "x\nb\ny\n", context_lines=1, line_numbers=False)
        == "<delta>\n@@ @@\n-a\n+x\n b\n-c\n+y\n</delta>"
    )


@pytest.mark.parametrize("seed", range(25))
def test_every_numberless_target_applies_in_one_place_only(seed: int) -> None:
    from nnloop.llm.pretraining.held_out import apply_numberless

    rng = random.Random(seed)
    old = random_network(rng)
    new = mutate(old, rng, rng.randint(1, 4))
    assert apply_numberless(old, delta_target(old, new, context_lines=1, line_numbers=False)) == new


def test_a_full_target_is_the_module_between_tags() -> None:
    assert full_target("x = 1\n") == "<nn>\nx = 1\n</nn>"
