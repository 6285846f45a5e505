"""Thoughts: as models write them, left out of an answer."""

import time

import pytest

from nnloop.errors import CompletionError
from nnloop.modes.thoughts import left_open, masked, without
from nnloop.records import Status

THOUGHTS = [
    "<think>\nDRAFT\n</think>",
    "<think>DRAFT</think>",
    "<Think>\nDRAFT\n</Think>",
    "<thinking>\nDRAFT\n</thinking>",
    "<thought>\nDRAFT\n</thought>",
    "<reasoning>DRAFT\n</reasoning>",
    '<reasoning effort="high">\nDRAFT\n</reasoning>',
    "<scratchpad>\nDRAFT\n</scratchpad>",
    "<antThinking>DRAFT</antThinking>",
    "<seed:think>DRAFT</seed:think>",
    "[THINK]DRAFT[/THINK]",
    "\u25c1think\u25b7DRAFT\u25c1/think\u25b7",
    "<|begin_of_thought|>DRAFT<|end_of_thought|>",
    "<|START_THINKING|>DRAFT<|END_THINKING|>",
    "<|channel>thought\nDRAFT<channel|>",
    "<|channel|>analysis<|message|>DRAFT<|end|><|start|>assistant<|channel|>final<|message|>",
    "analysisWe need a DRAFT.assistantfinal",
    "<think>\n<thinking>\nDRAFT\n</thinking>\n</think>",
    "<think>\nI say <think> and DRAFT.\n</think>",
    "Okay, the DRAFT is here.\n</think>",
    "Okay, the DRAFT.\n[/THINK]",
]


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("seam", ["", "\n", "\n\n"])
def test_a_thought_is_left_out(thought: str, seam: str) -> None:
    answer = "<delta>\n-a\n</delta>"
    assert without(f"{thought}{seam}{answer}").strip() == answer
    hidden = masked(f"{thought}{seam}{answer}")
    assert len(hidden) == len(thought + seam + answer)
    assert hidden.endswith(answer)


@pytest.mark.parametrize(
    "text", ["x = a < think > b", "I think <think> is a tag.", "# <think>", "plan\n", "[thinking]", ""]
)
def test_other_texts_are_unchanged(text: str) -> None:
    assert without(text) == masked(text) == text


@pytest.mark.parametrize(
    "text", ["<think>\nDRAFT", "<think>\nDRAFT\n</thinking>\nANSWER", "A\n</think>\n<thinking>B", "[THINK]\nDRAFT"]
)
def test_a_thought_that_never_ends_is_refused(text: str) -> None:
    with pytest.raises(CompletionError, match="its thought never ends") as caught:
        without(text)
    assert caught.value.status is Status.UNPARSEABLE
    assert "DRAFT" not in masked(text)


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("Improve it.<|Assistant|><think>\n", "<think>\n"),
        ("<|im_start|>assistant\n<think>\n", "<think>\n"),
        ("[/INST][THINK]", "[THINK]"),
        ("<think>\nDone.\n</think>", ""),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("[INST] improve [/INST]", ""),
        ("assistant\n<think>", "<think>"),
        ("Say <think> first.\nassistant\n", ""),
        ("", ""),
    ],
)
def test_the_thought_that_a_prompt_leaves_open_is_known(prompt: str, opened: str) -> None:
    assert left_open(prompt) == opened


@pytest.mark.parametrize("piece", ["<think>\n", "</think>\n", "<think></think>\n", "<think>\n</thinking>\n", "[THINK]"])
def test_hostile_thoughts_end_soon(piece: str) -> None:
    start = time.process_time()
    masked(piece * 10_000)
    assert time.process_time() - start < 2
