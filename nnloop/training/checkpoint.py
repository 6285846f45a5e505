"""A training cut into segments: the bounds of a segment, and the checkpoint at its end.

A segment runs in a process of its own. Only processes of the same candidate write and read its checkpoint, and they
load only tensors and plain values. A checkpoint has the network's state_dict; its other attributes are lost between
segments.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a training: from `state` to the end of epoch `until`, counted from 1.

    `state` empty: the training starts here. A training whose state would exceed `largest_state` bytes is not cut.
    """

    until: int
    state: bytes
    largest_state: int

    def fits(self, params: int) -> bool:
        """Return whether the parameters, their momenta and as much again for buffers fit in `largest_state`."""
        return 12 * params < self.largest_state

    def unpack(self, folder: Path) -> Path | None:
        """Write the state to a file that Lightning can read; None if the training starts here."""
        if not self.state:
            return None
        path = folder / "from.ckpt"
        path.write_bytes(self.state)
        return path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of a segment that is not the last, with the weights at that point."""

    state: bytes
    weights: bytes  # by `tensors.pack`
    looks: bytes  # recorded steps, by `Recorder.pack`
