"""Requests to engines, their answers, and the settings of the engines without a model."""

import json
from pathlib import Path
from typing import Any

from nnloop.corpus.library import seeds
from nnloop.llm import Request
from nnloop.records import Prompt
from nnloop.settings import RandomLlmSettings, ScriptedLlmSettings


def requests(count: int, cycle: int = 0) -> list[Request]:
    """Requests whose prompts differ in length."""
    code = seeds()[0].code
    texts = ["Improve this network.\n" + "x = 1\n" * (slot % 5) for slot in range(count)]
    prompts = [Prompt(text, "parent", "delta") for text in texts]
    return [Request(prompt, code, cycle, slot, 1000 + slot) for slot, prompt in enumerate(prompts)]


def texts(completions: Any) -> dict[int, str]:
    return {completion.slot: completion.text for completion in completions}


def random_settings() -> RandomLlmSettings:
    return RandomLlmSettings(
        "random", "random", "uniform", {"delta": 1, "full": 3}, diff_context=1, diff_line_numbers=False
    )


def scripted_settings(folder: Path, texts: list[str], delay_s: float = 0) -> ScriptedLlmSettings:
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts))
    return ScriptedLlmSettings("scripted", "scripted", str(path), delay_s, 3, True)
