"""Fine-tunes of small checkpoints, as the tests of LoRA want them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch

from nnloop.llm import Request, adapters
from nnloop.llm.batches import completion_loss
from nnloop.llm.finetune import _fraction, finetune
from nnloop.llm.hf import HfEngine
from nnloop.modes.pairs import TrainingPair
from nnloop.records import FinetuneResult, Prompt


def pairs(count: int = 6) -> list[TrainingPair]:
    return [TrainingPair(f"Improve {i}.", f"<delta>\n-x = {i}\n+y = {i}\n</delta>", "a", "b") for i in range(count)]


UNLIKE: dict[str, Any] = {
    **{"keep": "best", "held_out": 0.4, "lr": 0.05, "epochs": 4, "warmup_steps": 0, "dropout": 0.0, "batch_size": 8}
}
"""Settings of a fine-tune whose held-out loss rises again."""


def unlike() -> list[TrainingPair]:
    """Pairs to learn, and others, unlike them, that are held out by their targets' names."""
    names = [str(number) for number in range(40)]
    held = [name for name in names if _fraction(name) < UNLIKE["held_out"]][:3]
    kept = [name for name in names if _fraction(name) >= UNLIKE["held_out"]][:6]
    learned = [replace(pair, target=name) for pair, name in zip(pairs(6), kept, strict=True)]
    return [*learned, *(TrainingPair(f"Why {name}?", "?!%&$#@ QZJ~^" * 2, "a", name) for name in held)]


def requests() -> list[Request]:
    return [Request(Prompt(f"Improve {slot}.", "a", "delta"), "", 0, slot, slot) for slot in range(4)]


def answers(engine: HfEngine) -> dict[int, tuple[str, str | None]]:
    return {one.slot: (one.text, one.generation.adapter) for one in engine.generate(requests())}


def tune(engine: HfEngine, folder: Path, parent: Path | None = None, seed: int = 0, **changes: Any) -> FinetuneResult:
    settings = checkpoints.lora(**changes)
    return finetune(engine, pairs(), settings=settings, folder=folder, parent=parent, seed=seed)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    weights: dict[str, torch.Tensor] = load_file(folder / adapters.WEIGHTS)
    return weights


def kill_in_step(patch: pytest.MonkeyPatch, number: int) -> None:
    """Interrupt the process in the forward pass of an optimizer step; they count from 1, at one batch each."""
    calls = []

    def dying(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return completion_loss(*arguments)

    patch.setattr("nnloop.llm.finetune.completion_loss", dying)


def count_steps(patch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return completion_loss(*arguments)

    patch.setattr("nnloop.llm.finetune.completion_loss", counted)
    return calls
