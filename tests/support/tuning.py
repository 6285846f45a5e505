"""Fine-tunes of small checkpoints, as the tests of LoRA want them."""

from pathlib import Path
from typing import Any

import checkpoints

from nnloop.llm import Request
from nnloop.llm.finetune import Tuned, finetune
from nnloop.llm.hf import HfEngine
from nnloop.modes.pairs import TrainingPair
from nnloop.records import Prompt


def pairs(count: int = 6) -> list[TrainingPair]:
    return [TrainingPair(f"Improve {i}.", f"<delta>\n-x = {i}\n+y = {i}\n</delta>", "a", "b") for i in range(count)]


def requests() -> list[Request]:
    return [Request(Prompt(f"Improve {slot}.", "a", "delta"), "", 0, slot, slot) for slot in range(4)]


def answers(engine: HfEngine) -> dict[int, tuple[str, str | None]]:
    return {one.slot: (one.text, one.adapter) for one in engine.generate(requests())}


def tune(engine: HfEngine, folder: Path, parent: Path | None = None, seed: int = 0, **changes: Any) -> Tuned:
    settings = checkpoints.lora(**changes)
    return finetune(engine, pairs(), settings=settings, folder=folder, parent=parent, seed=seed)
