"""A fine-tune's checkpoint on disk: a killed fine-tune resumes from it and ends with the same weights.

Covers a kill of the process at any moment. Not covered: another device or other versions of the libraries, which may
compute slightly different weights.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class FinetuneProgress:
    """The part of a fine-tune that is done."""

    step: int = 0  # optimizer steps done
    loss: float = 0.0  # summed over the current epoch
    tokens: int = 0  # of completions, in the current epoch
    best_step: int = 0  # the end of the best epoch so far, with finetune.keep=best
    best_loss: float | None = None  # its loss on the pairs held out
    best: dict[str, Tensor] = field(default_factory=dict)  # its weights, by name


class FinetuneCheckpoint:
    """The file beside the adapter's folder that holds the training's state; removed once the adapter is saved."""

    def __init__(self, folder: Path, key: str, minutes: float) -> None:
        """Save every so many minutes; 0: after every step.

        `key` names the fine-tune: another fine-tune's state is not restored.
        """
        self._path = folder.with_name(folder.name + ".partial.pt")
        self._key = key
        self._seconds = minutes * 60
        self._saved = time.monotonic()

    def restore(self, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> FinetuneProgress:
        """Put weights, optimizer and torch's generators into the saved state; without one, return a fresh start."""
        state = self._read()
        if state is None:
            return FinetuneProgress()
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(state["weights"][name])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["generator"])
        if state["gpu_generators"]:
            torch.cuda.set_rng_state_all(state["gpu_generators"])
        progress = FinetuneProgress(**state["progress"])
        _log.info("fine-tune resumed after %d steps", progress.step)
        return progress

    def save(self, progress: FinetuneProgress, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
        """Write the state if the last one is old enough. The file is replaced as a whole or not at all."""
        if time.monotonic() - self._saved < self._seconds:
            return
        state = {
            "key": self._key,
            "progress": {each.name: getattr(progress, each.name) for each in fields(progress)},
            "weights": {name: weight.detach() for name, weight in weights.items()},
            "optimizer": optimizer.state_dict(),
            "generator": torch.get_rng_state(),
            "gpu_generators": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        beside = self._path.with_name(self._path.name + ".tmp")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        return state if state["key"] == self._key else None
