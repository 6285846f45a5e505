"""A training cut into legs: where a leg ends, and what its checkpoint holds beside Lightning's part.

A leg runs in a process of its own. Its checkpoint is written and read by processes of the same candidate alone, and
even they load nothing but tensors and plain values. What a network keeps outside its state_dict does not come along.
"""

import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Leg:
    """Train from `state` (empty: from the start) to the end of epoch `until`; no larger state than `most` is given."""

    until: int
    state: bytes
    most: int

    def can_pause(self, params: int) -> bool:
        """Whether the parameters, their momenta and as much again for buffers would fit."""
        return 12 * params < self.most

    def unpack(self, folder: Path) -> Path | None:
        """Put the state where Lightning can read it."""
        if not self.state:
            return None
        path = folder / "from.ckpt"
        path.write_bytes(self.state)
        return path


@dataclass(frozen=True, slots=True)
class Paused:
    """The end of a leg after which the training goes on."""

    state: bytes
    logits: torch.Tensor  # float32 (M, classes), on the CPU


@dataclass(frozen=True, slots=True)
class RandomState:
    """Every generator that a training draws from, in plain values."""

    batches: torch.Tensor
    cpu: torch.Tensor
    cuda: list[torch.Tensor]
    python: tuple[Any, ...]
    numpy: list[Any]

    @classmethod
    def now(cls, batches: torch.Generator) -> "RandomState":
        legacy: Any = np.random.get_state(legacy=True)
        name, keys, *rest = legacy
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(batches.get_state(), torch.get_rng_state(), cuda, random.getstate(), [name, keys.tolist(), *rest])

    def restore(self, batches: torch.Generator) -> None:
        batches.set_state(self.batches.cpu())
        torch.set_rng_state(self.cpu.cpu())
        if self.cuda:
            torch.cuda.set_rng_state_all([state.cpu() for state in self.cuda])
        random.setstate(self.python)
        name, keys, *rest = self.numpy
        np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
