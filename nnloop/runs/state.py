"""The state of a run: it is running, or its last process ended in one of several ways.

A search writes ending.json when it ends by itself, and removes it when it is taken up again. A process that was killed
writes nothing, but its name still stands in the lock file, which every living holder rewrites every few seconds.
"""

import json
import time
from dataclasses import dataclass
from enum import StrEnum

from nnloop.json_record import Record
from nnloop.runs import foreign
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.runs.lease import STALE_S


class Stage(StrEnum):
    """The part of a run's life."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"  # a signal ended it in order
    FAILED = "failed"
    KILLED = "killed"  # it ended without a word
    STOPPED = "stopped"  # not running; nothing says why


@dataclass(frozen=True, slots=True)
class RunState(Record):
    """A run's stage, and the reason of a failure."""

    stage: Stage
    reason: str = ""


def read_state(run: RunFolder) -> RunState:
    """Return a run's state; nothing of the run is touched.

    A holder on another host counts as running for as long as its beat is younger than STALE_S by this host's clock.
    """
    try:
        return RunState.from_json(json.loads(foreign.read_text(run.ending, run.path, foreign.SOURCE_BYTES)))
    except (OSError, ValueError, TypeError, RecursionError):
        pass  # it runs, was killed, or is of an older version
    try:
        held = foreign.read_bytes(run.lock_file, run.path, foreign.SOURCE_BYTES).strip()
        beat = run.lock_file.stat().st_mtime
    except OSError:
        return RunState(Stage.STOPPED)
    if not held:
        return RunState(Stage.STOPPED)
    return RunState(Stage.RUNNING if time.time() - beat < STALE_S else Stage.KILLED)


def begin(run: RunFolder) -> None:
    """Take back how an earlier process ended: another one is at work."""
    run.ending.unlink(missing_ok=True)


def end(run: RunFolder, stage: Stage, reason: str = "") -> None:
    """Record how this process ends, if the run's folder doesn't say so yet. Raises RunFolderError."""
    state = RunState(stage, reason)
    if read_state(run) != state:
        write_json(run.ending, state.to_json())
