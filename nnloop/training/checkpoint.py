"""A training cut into segments: the bounds of a segment, and the checkpoint at its end.

A segment runs in a process of its own. Its checkpoint is written and read by processes of the same candidate alone,
and even these load nothing but tensors and plain values. Of the network a checkpoint holds the state_dict alone; all
its other attributes are lost between segments.
"""

from dataclasses import dataclass
from pathlib import Path

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
