"""Runs of made-up results, for comparisons of arms."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fake_run import make_run

from nnloop.report.measures.read import Run, read

TINY: dict[str, Any] = {"name": "tiny", "engine": "hf", "temperature": 0.8}
RANDOM: dict[str, Any] = {"name": "random", "engine": "random"}
LORA, FROZEN = {"name": "lora", "rank": 8}, {"name": "off"}


def run_of(folder: Path, seed: int = 0, cycles: int = 4, **groups: Any) -> Run:
    """Make a run whose settings have these groups."""
    run = read(make_run(folder / f"run-{len(list(folder.glob('run-*')))}", cycles, 8, seed).path)
    settings = run.meta["settings"] | {"finetune": LORA, "llm": TINY} | groups
    return replace(run, meta=run.meta | {"settings": settings})


def with_accuracies(run: Run, change: Callable[[float], float]) -> Run:
    """Return the run with `change` applied to the accuracy of every valid entry."""
    entries = [
        replace(entry, result=replace(entry.result, val_accuracy=change(entry.val_accuracy or 0.0)))
        if entry.valid and entry.result
        else entry
        for entry in run.entries
    ]
    return replace(run, entries=entries)


def three_arms(folder: Path) -> list[Run]:
    """Make tuned, frozen and random runs of three seeds; the tuned are 0.1 above the frozen in every accuracy."""
    frozen = [run_of(folder, seed, finetune=FROZEN) for seed in (0, 1, 2)]
    tuned = [with_accuracies(run_of(folder, seed), lambda accuracy: accuracy + 0.1) for seed in (0, 1, 2)]
    return [*tuned, *frozen, *(run_of(folder, seed, llm=RANDOM) for seed in (0, 1, 2))]
