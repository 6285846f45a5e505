"""The legs of one long trial: how far it is, kept on the disk, so that a killed job goes on inside a network.

A checkpoint is bytes of a candidate's making. Nothing here looks into them: they are held against their own digest and
go back into a sandboxed process of the same candidate. A file that is torn, or of another training, counts for nothing.
"""

import base64
import hashlib
import json
import os
from pathlib import Path

from nnloop.records import Trial


class Legs:
    """Without `trial.checkpoint` there is one leg, the whole trial."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._path = Path(trial.checkpoint) if trial.checkpoint else None
        self._done, self.seconds, self._state = _read(self._path, _identity(trial)) if self._path else (0, 0.0, b"")

    @property
    def until(self) -> int | None:
        """The epoch after which the next leg pauses; None: it is the last."""
        if self._path is None or self._trial.leg_epochs is None:
            return None
        end = self._done + self._trial.leg_epochs
        return end if end < self._trial.epochs else None

    @property
    def state(self) -> str | None:
        return base64.b64encode(self._state).decode() if self._state else None

    @property
    def wall_s_left(self) -> float:
        return max(1.0, self._trial.limits.wall_s - self.seconds)

    def keep(self, state: bytes, seconds: float) -> None:
        """Store what a leg gave; `until` and `state` are then those of the next."""
        if self._path is None or self.until is None:
            raise ValueError("a trial of one leg has no state to keep")
        self._done, self._state, self.seconds = self.until, state, self.seconds + seconds
        facts = {"epochs": self._done, "seconds": self.seconds, "sha256": hashlib.sha256(state).hexdigest()}
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


def _identity(trial: Trial) -> dict[str, int | str]:
    """What has to agree before a training goes on."""
    return {"candidate": trial.candidate.id, "seed": trial.seed, "proxy": trial.proxy, "of": trial.epochs}


def _read(path: Path, identity: dict[str, int | str]) -> tuple[int, float, bytes]:
    """Epochs done, seconds spent and the state; nothing done where the file is not whole or of another training."""
    try:
        head, _, state = path.read_bytes().partition(b"\n")
        facts = json.loads(head)
        whole = facts["sha256"] == hashlib.sha256(state).hexdigest()
        if whole and all(facts.get(key) == value for key, value in identity.items()):
            return int(facts["epochs"]), float(facts["seconds"]), state
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, 0.0, b""
