"""What the tests of engines ask, and what was answered."""

from typing import Any

from nnloop.corpus.library import seeds
from nnloop.llm import Request
from nnloop.records import Prompt


def requests(count: int, cycle: int = 0) -> list[Request]:
    """Requests whose prompts differ in length."""
    code = seeds()[0].code
    texts = ["Improve this network.\n" + "x = 1\n" * (slot % 5) for slot in range(count)]
    prompts = [Prompt(text, "baseline", "delta") for text in texts]
    return [Request(prompt, code, cycle, slot, 1000 + slot) for slot, prompt in enumerate(prompts)]


def texts(completions: Any) -> dict[int, str]:
    return {completion.slot: completion.text for completion in completions}
