"""The random number generators of a candidate's process: seeded, recorded and restored."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


def seed_generators(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@dataclass(frozen=True, slots=True)
class RandomState:
    """The states of all random number generators that a training uses, as tensors and plain values."""

    batches: torch.Tensor
    cpu: torch.Tensor
    cuda: list[torch.Tensor]
    python: tuple[object, ...]
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
