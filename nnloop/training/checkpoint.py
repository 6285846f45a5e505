"""A training cut into segments: where a segment ends, and the part of its checkpoint that Lightning does not keep.

A segment runs in a process of its own. Its checkpoint is written and read by processes of the same candidate alone,
and even these load nothing but tensors and plain values. A checkpoint holds a network's state_dict and nothing else
that the network keeps.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a training: from `state` to the end of epoch `until`, counted from 1.

    An empty `state` is the start of the training. A training whose state would exceed `largest_state` bytes is not cut.
    """

    until: int
    state: bytes
    largest_state: int

    def fits(self, params: int) -> bool:
        """Return whether the parameters, their momenta and as much again for buffers fit in `largest_state`."""
        return 12 * params < self.largest_state

    def unpack(self, folder: Path) -> Path | None:
        """Write the state to a file that Lightning can read; None where the training starts."""
        if not self.state:
            return None
        path = folder / "from.ckpt"
        path.write_bytes(self.state)
        return path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of a segment that others follow, with the evaluation up to there."""

    state: bytes
    logits: torch.Tensor  # float32 (M, classes), on the CPU


@dataclass(frozen=True, slots=True)
class RandomState:
    """The states of all random number generators that a training uses, as tensors and plain values."""

    batches: torch.Tensor
    cpu: torch.Tensor
    cuda: list[torch.Tensor]
    python: tuple[Any, ...]
    numpy: list[Any]

    @classmethod
    def now(cls, batches: torch.Generator) -> "RandomState":
        """Record the generators of this process and `batches`, which shuffles and augments."""
        legacy: Any = np.random.get_state(legacy=True)
        name, keys, *rest = legacy
        return cls(
            batches=batches.get_state(),
            cpu=torch.get_rng_state(),
            cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            python=random.getstate(),
            numpy=[name, keys.tolist(), *rest],
        )

    def restore(self, batches: torch.Generator) -> None:
        """Put the generators of this process and `batches` back to these states."""
        batches.set_state(self.batches.cpu())
        torch.set_rng_state(self.cpu.cpu())
        if self.cuda:
            torch.cuda.set_rng_state_all([state.cpu() for state in self.cuda])
        random.setstate(self.python)
        name, keys, *rest = self.numpy
        np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
