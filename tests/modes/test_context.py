"""What stands beside the parent: the expected texts are written out, and nothing is ever cut."""

from dataclasses import replace

import pytest
from entries import entry

from nnloop.llm.engine import guess_tokens
from nnloop.modes import context
from nnloop.modes.context import Item, Room
from nnloop.modes.render import Task, render
from nnloop.modes.templates import shipped
from nnloop.records import Network, Prompt, Status, TrialResult

DIGITS = Task("Digits", "grey 8x8 images of handwritten digits", classes=10, channels=1, size=8)
NET = Network("0123", "class Net:\n    width = 1\n    depth = 2\n    name = 'long enough'\n", "net", 0.5)
WIDER = NET.code.replace("width = 1", "width = 3")
TINY = shipped("tiny")
ROOMY = Room(lambda text: True, guess_tokens, None)
ENTRY = entry(
    "4567",
    result=TrialResult(Status.OK, val_accuracy=0.625),
    admitted=True,
    selected=True,
    facts={"cycle": 2, "slot": 7, "parent": "0123", "mode": "delta", "tokens": 20},
)

MEMORY = """\
The latest attempts of this search, the newest last; learn from what helped and from what failed:
<attempt>
Problem: a network with a validation accuracy of 50.0%.
Suggestion:
all the same
Outcome: unparseable, no diff in the answer.
</attempt>
<attempt>
Problem: a network with a validation accuracy of 50.0%.
Suggestion:
@@ @@
 class Net:
-    width = 1
+    width = 3
     depth = 2
Outcome: a validation accuracy of 62.5% (+12.5 points).
</attempt>
Below is a PyTorch network for it.
"""
INSPIRATIONS = """\
Other networks for the same task, as inspirations:
<network>
After one epoch of training its validation accuracy is 50.0%.
class Net:
    width = 1
    depth = 2
    name = 'long enough'
</network>
Below is a PyTorch network for it.
"""
RETRY = """
Your answer was:
@@ nonsense

It failed (patch_failed): the source has no line 'x'
Give the answer again in the same format, without this failure."""


def write(section: str) -> Prompt:
    return render(TINY, NET, DIGITS, form="delta", context=section)


def test_memory_shows_problem_suggestion_and_outcome_oldest_first() -> None:
    facts = {"cycle": 2, "slot": 6, "parent": "0123"}
    failed = entry(None, Status.UNPARSEABLE, reason="no diff in the answer", facts=facts)
    newest_first = [
        context.attempt(TINY, ENTRY, NET, code=WIDER, answer=""),
        context.attempt(TINY, failed, NET, code=None, answer="all the same\n"),
    ]
    prompt = context.fill(TINY, "memory", newest_first, write=write, room=ROOMY)
    assert MEMORY in prompt.text
    assert (prompt.shown, prompt.dropped) == (["2.7", "2.6"], 0)


def test_inspirations_show_networks_with_their_accuracies() -> None:
    prompt = context.fill(TINY, "inspirations", [context.further(TINY, NET, DIGITS)], write=write, room=ROOMY)
    assert INSPIRATIONS in prompt.text
    assert prompt.shown == ["0123"]


def test_crossover_names_the_second_parent() -> None:
    prompt = context.fill(TINY, "crossover", [context.further(TINY, NET, DIGITS)], write=write, room=ROOMY)
    assert "A second parent; combine what makes it good with the network that follows:\n<network>" in prompt.text
    assert prompt.text.index("A second parent") < prompt.text.index("Below is a PyTorch network")


def test_a_short_new_program_is_shown_instead_of_a_longer_diff() -> None:
    item = context.attempt(TINY, ENTRY, NET, code="class Net:\n    pass\n", answer="")
    assert "Suggestion:\nclass Net:\n    pass\nOutcome" in item.text


@pytest.mark.parametrize("kind", ["memory", "inspirations", "crossover"])
def test_without_items_the_prompt_is_that_of_a_single_context(kind: str) -> None:
    assert context.fill(TINY, kind, [], write=write, room=ROOMY).text == render(TINY, NET, DIGITS, form="delta").text


def test_items_that_do_not_fit_are_left_out_whole_and_counted() -> None:
    items = [Item("small", "s" * 30), Item("large", "l" * 9000), Item("tiny", "t" * 9)]
    room = Room(lambda text: len(text) < 3000, guess_tokens, None)
    prompt = context.fill(TINY, "inspirations", items, write=write, room=room)
    assert (prompt.shown, prompt.dropped) == (["small", "tiny"], 1)
    assert "s" * 30 in prompt.text
    assert "l" * 3 not in prompt.text


def test_the_context_keeps_to_its_own_budget_of_tokens() -> None:
    items = [Item(str(number), "word " * 60) for number in range(6)]
    for tokens in (1, 150, 290, 10_000):
        prompt = context.fill(TINY, "memory", items, write=write, room=Room(lambda text: True, guess_tokens, tokens))
        extra = len(prompt.text) - len(write("").text)
        assert extra <= 3 * tokens
        assert len(prompt.shown) + prompt.dropped == 6
        assert prompt.text.count("word " * 60) == len(prompt.shown)


def test_a_retry_shows_the_prompt_the_answer_and_the_reason() -> None:
    failed = replace(ENTRY, status=Status.PATCH_FAILED, reason="the source has no line 'x'", result=None)
    prompt = context.retry(TINY, write(""), failed, answer="@@ nonsense\n")
    assert prompt.text == write("").text + "\n" + RETRY
    assert prompt.parent == "0123"
