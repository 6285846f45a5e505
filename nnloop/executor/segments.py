"""Segments of one long trial, with checkpoints on the disk, so that a killed job goes on in the midst of a training.

A checkpoint's bytes come from the candidate, so nothing here interprets them: they are checked by their digest and go
back into a sandboxed process of the same candidate. A file that is incomplete, or of another training, is ignored.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnloop.records import Trial, TrialResult
from nnloop.sandbox.score import SegmentEnd


@dataclass(frozen=True, slots=True)
class _Progress:
    """The part of a training that is done."""

    epochs: int = 0
    seconds: float = 0.0
    charged_s: float = 0.0
    curve: Sequence[list[float]] = ()  # [epoch, val_accuracy] at the end of each segment
    state: bytes = b""


class Segments:
    """The segments of one trial; without `trial.checkpoint`, the whole trial is one segment."""

    def __init__(self, trial: Trial) -> None:
        """Continue from the trial's checkpoint if there is a valid one."""
        self._trial = trial
        self._path = Path(trial.checkpoint) if trial.checkpoint else None
        self._progress = (_read(self._path, _identity(trial)) if self._path else None) or _Progress()

    @property
    def until(self) -> int | None:
        """The epoch after which the next segment stops; None: the next segment is the last."""
        if self._path is None or self._trial.segment_epochs is None:
            return None
        end = self._progress.epochs + self._trial.segment_epochs
        return end if end < self._trial.epochs else None

    @property
    def state(self) -> str | None:
        """The state that the next segment starts from, base64; None: from the beginning."""
        return base64.b64encode(self._progress.state).decode() if self._progress.state else None

    @property
    def wall_s_left(self) -> float:
        """The seconds left of the trial's limit, at least 1."""
        return max(1.0, self._trial.limits.wall_s - self._progress.charged_s)

    def save(self, end: SegmentEnd) -> None:
        """Write a checkpoint; `until` and `state` are then about the next segment. Raises OSError."""
        if self._path is None or self.until is None:
            raise ValueError("a trial of one segment has no checkpoint")
        point = [] if end.val_accuracy is None else [[self.until, end.val_accuracy]]
        self._progress = progress = _Progress(
            self.until,
            self._progress.seconds + end.seconds,
            self._progress.charged_s + end.charged_s,
            curve=[*self._progress.curve, *point],
            state=end.state,
        )
        head = _identity(self._trial) | {
            "epochs": progress.epochs,
            "seconds": progress.seconds,
            "charged_s": progress.charged_s,
            "curve": progress.curve,
            "sha256": hashlib.sha256(progress.state).hexdigest(),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with beside.open("wb") as file:
            file.write(json.dumps(head).encode() + b"\n" + progress.state)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def clear(self) -> None:
        """Remove the checkpoint."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def join(self, last: TrialResult) -> TrialResult:
        """Return the last segment's result with all segments' time, and with the curve if there were several."""
        if not self._progress.epochs:
            return last
        end = [] if last.val_accuracy is None else [[self._trial.epochs, last.val_accuracy]]
        return replace(last, seconds=last.seconds + self._progress.seconds, curve=[*self._progress.curve, *end])


def _identity(trial: Trial) -> dict[str, object]:
    """Return the facts that a checkpoint and a trial must share."""
    return {"candidate": trial.candidate.id, "seed": trial.seed, "proxy": trial.proxy, "of": trial.epochs}


def _read(path: Path, identity: dict[str, object]) -> _Progress | None:
    """Return the progress in a checkpoint; None if the file is incomplete or of another training."""
    try:
        head, _, state = path.read_bytes().partition(b"\n")
        facts = json.loads(head)
        whole = facts["sha256"] == hashlib.sha256(state).hexdigest()
        if whole and all(facts.get(key) == value for key, value in identity.items()):
            seconds, charged_s = float(facts["seconds"]), float(facts["charged_s"])
            return _Progress(int(facts["epochs"]), seconds, charged_s, curve=facts["curve"], state=state)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
