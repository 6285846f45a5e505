"""The legs of one long trial: how far it is, kept on the disk, so that a killed job goes on inside a network.

A checkpoint is bytes of a candidate's making. Nothing here looks into them: they are held against their own digest and
go back into a sandboxed process of the same candidate. A file that is torn, or of another training, counts for nothing.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnloop.records import Trial, TrialResult


class Legs:
    """Without `trial.checkpoint` there is one leg, the whole trial."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._path = Path(trial.checkpoint) if trial.checkpoint else None
        self._at = (_read(self._path, _identity(trial)) if self._path else None) or _Place()

    @property
    def until(self) -> int | None:
        """The epoch after which the next leg pauses; None: it is the last."""
        if self._path is None or self._trial.leg_epochs is None:
            return None
        end = self._at.epochs + self._trial.leg_epochs
        return end if end < self._trial.epochs else None

    @property
    def state(self) -> str | None:
        return base64.b64encode(self._at.state).decode() if self._at.state else None

    @property
    def wall_s_left(self) -> float:
        return max(1.0, self._trial.limits.wall_s - self._at.seconds)

    def keep(self, state: bytes, seconds: float, val_accuracy: float | None) -> None:
        """Store what a leg gave; `until` and `state` are then those of the next."""
        if self._path is None or self.until is None:
            raise ValueError("a trial of one leg has no state to keep")
        point = [] if val_accuracy is None else [[self.until, val_accuracy]]
        self._at = _Place(self.until, self._at.seconds + seconds, [*self._at.curve, *point], state)
        facts: dict[str, object] = {"epochs": self._at.epochs, "seconds": self._at.seconds, "curve": self._at.curve}
        facts["sha256"] = hashlib.sha256(state).hexdigest()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with beside.open("wb") as file:
            file.write(json.dumps(_identity(self._trial) | facts).encode() + b"\n" + state)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def clear(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def whole(self, result: TrialResult) -> TrialResult:
        """The last leg's result with the time of all, and with the curve where there was more than one."""
        if not self._at.epochs:
            return result
        end = [] if result.val_accuracy is None else [[self._trial.epochs, result.val_accuracy]]
        return replace(result, seconds=result.seconds + self._at.seconds, curve=[*self._at.curve, *end])


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a training is."""

    epochs: int = 0
    seconds: float = 0.0
    curve: Sequence[list[float]] = ()
    state: bytes = b""


def _identity(trial: Trial) -> dict[str, int | str]:
    """What has to agree before a training goes on."""
    return {"candidate": trial.candidate.id, "seed": trial.seed, "proxy": trial.proxy, "of": trial.epochs}


def _read(path: Path, identity: dict[str, int | str]) -> _Place | None:
    """None where the file is not whole or of another training."""
    try:
        head, _, state = path.read_bytes().partition(b"\n")
        facts = json.loads(head)
        whole = facts["sha256"] == hashlib.sha256(state).hexdigest()
        if whole and all(facts.get(key) == value for key, value in identity.items()):
            return _Place(int(facts["epochs"]), float(facts["seconds"]), facts["curve"], state)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
