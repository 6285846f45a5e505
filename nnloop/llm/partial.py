"""A fine-tune's state on disk, so that a killed one goes on where it was, to the same weights.

Covers a kill of the process at any moment. Does not cover another device or other versions of the libraries: there the
weights come out as near as these compute.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reached:
    """How far a fine-tune is."""

    step: int = 0  # optimizer steps done
    loss: float = 0.0  # summed over the current epoch
    tokens: int = 0  # of completions, in the current epoch


class Partial:
    """The file beside the adapter's folder that holds the state; gone once the adapter is saved."""

    def __init__(self, folder: Path, key: str, minutes: float) -> None:
        """`key` names the fine-tune: a state of another one is not taken up. 0 minutes saves after every step."""
        self._path = folder.with_name(folder.name + ".partial.pt")
        self._key = key
        self._seconds = minutes * 60
        self._saved = time.monotonic()

    def restore(self, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> Reached:
        """Put weights, optimizer and torch's generators where they were; a fresh start where there is nothing."""
        state = self._read()
        if state is None:
            return Reached()
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(state["weights"][name])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["generator"])
        if state["gpu_generators"]:
            torch.cuda.set_rng_state_all(state["gpu_generators"])
        _log.info("fine-tune taken up again after %d steps", state["step"])
        return Reached(state["step"], state["loss"], state["tokens"])

    def save(self, reached: Reached, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
        """Write the state if the last one is old enough; beside and renamed, so it is whole or not there."""
        if time.monotonic() - self._saved < self._seconds:
            return
        state: dict[str, Any] = {
            "key": self._key,
            "step": reached.step,
            "loss": reached.loss,
            "tokens": reached.tokens,
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
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        return state if state["key"] == self._key else None


def key_of(parts: Any) -> str:
    """Hash what decides a fine-tune's result."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
