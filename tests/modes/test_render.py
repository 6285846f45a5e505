"""Prompts and training targets: the expected texts are written out."""

import random
import re

import pytest

from nnloop.corpus.edits import mutate, random_network
from nnloop.modes import static_guard
from nnloop.modes.render import Task, delta_target, full_target, render
from nnloop.modes.templates import shipped
from nnloop.records import Network

DIGITS = Task("Digits", "grey 8x8 images of handwritten digits", classes=10, channels=1, size=8)
NET = Network(id="0123", code="class Net:\n    pass\n", name="net")
TINY, CHAT = shipped("tiny"), shipped("chat")

TINY_DELTA = """\
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

TINY_FULL = """\
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

TINY_BLOCKS = """\
in_shape is (batch, channels, height, width), out_shape is (classes,), and forward returns logits of shape (batch, classes).
Answer with one or more edits of the code in this format, between <delta> and </delta>, and nothing else:
<<<<<<< SEARCH
lines of the code, exactly as they stand there
=======
lines to put in their place
>>>>>>> REPLACE

<nn>
class Net:
    pass
</nn>"""  # noqa: E501

CHAT_DELTA = """\
Task: classify the images of Digits (grey 8x8 images of handwritten digits).
There are 10 classes; an image has the shape (1, 8, 8).
Below, between <parent> and </parent>, is a PyTorch network for it.
After 3 epochs of training its validation accuracy is 87.5%.
Change its architecture so that the validation accuracy after 3 epochs of training rises.
Keep the interface: class Net(nn.Module) with __init__(self, in_shape, out_shape, prm, device) and forward(self, x).
in_shape is (batch, channels, height, width), out_shape is (classes,), and forward returns logits of shape (batch, classes).
prm is a dict of training hyperparameters (prm["lr"], prm["momentum"], prm["dropout"]); device is where the network will run.
Import only torch, torchvision, numpy and simple modules of the standard library, such as math. No files, no downloads, no pretrained weights.
Building, training and testing the network may take 60 seconds.
Use at most 50000 parameters.
Answer with a unified diff of the code and nothing else, in this form:
<delta>
@@ @@
-a line of the code that goes, exactly as it stands there
+a line that takes its place
</delta>

<parent>
class Net:
    pass
</parent>

Answer with the unified diff of this code, between <delta> and </delta>, each on a line of its own, and nothing else."""  # noqa: E501


def test_the_prompts_of_tiny_are_those_of_its_pre_training() -> None:
    assert render(TINY, NET, DIGITS, form="delta").text == TINY_DELTA
    task = Task("Digits", DIGITS.description, 10, 1, 8, max_params=50_000)
    full = render(TINY, Network("0123", NET.code, "net", val_accuracy=0.875), task, form="full")
    assert full.text == TINY_FULL
    assert render(TINY, NET, DIGITS, form="search_replace").text.endswith(TINY_BLOCKS)


def test_tinys_words_do_not_follow_settings_that_it_never_saw() -> None:
    other = Task("Digits", DIGITS.description, 10, 1, 8, epochs=3, seconds=7)
    known = Network("0123", NET.code, "net", val_accuracy=0.875)
    for form in ("delta", "full", "search_replace"):
        assert render(TINY, known, other, form=form).text == render(TINY, known, DIGITS, form=form).text


def test_the_delta_prompt_of_a_chat_model() -> None:
    task = Task("Digits", DIGITS.description, 10, 1, 8, max_params=50_000, epochs=3, seconds=60)
    known = Network("0123", NET.code, "net", val_accuracy=0.875)
    assert render(CHAT, known, task, form="delta", header="@@ @@").text == CHAT_DELTA


@pytest.mark.parametrize(("form", "tag"), [("delta", "delta"), ("search_replace", "delta"), ("full", "nn")])
def test_a_chat_prompt_names_the_format_before_and_after_the_code(form: str, tag: str) -> None:
    before, code, after = render(CHAT, NET, DIGITS, form=form).text.partition(
        "<parent>\nclass Net:\n    pass\n</parent>"
    )
    assert code
    for part in (before, after):
        assert part.count(f"<{tag}>") == part.count(f"</{tag}>") == 1
    assert "<nn>" not in before + after or form == "full"


def test_the_imports_that_a_chat_prompt_names_are_allowed() -> None:
    (line,) = (line for line in CHAT.texts["delta"].splitlines() if line.startswith("Import only"))
    named = set(re.findall(r"\b(torch|torchvision|numpy|math)\b", line))
    assert named == {"torch", "torchvision", "numpy", "math"} <= static_guard.IMPORTS
    assert all(line in CHAT.texts[form] for form in ("full", "search_replace"))


def test_a_prompt_names_its_parent_and_mode() -> None:
    prompt = render(CHAT, NET, DIGITS, form="full")
    assert (prompt.parent, prompt.mode) == ("0123", "full")
    assert render(CHAT, NET, DIGITS, form="search_replace").mode == "delta"


def test_braces_in_the_code_stay_as_they_are() -> None:
    assert "{a: {}}" in render(CHAT, Network("1", "x = {a: {}}\n", "x"), DIGITS, form="delta").text


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
