"""The state of a running search in its folder's live.json, for a page that watches it. Nothing depends on the file."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nnloop.json_record import Record

WRITE_S = 1.0
"""Seconds between two writes while the stage stays the same."""


@dataclass(frozen=True, slots=True)
class RunningTrial(Record):
    """A trial that has begun and not ended."""

    candidate: str
    cycle: int
    slot: int
    since: float  # Unix time in seconds at which it was first seen running


@dataclass(frozen=True, slots=True)
class LiveState(Record):
    """The present state of a search."""

    of: str  # cycle, or corpus, incumbent: trials before the first cycle and after the last
    cycle: int  # from 0
    stage: str
    candidates: int  # of the cycle; trials of corpus or incumbent
    written: int = 0  # completions
    tokens: int = 0  # that the LLM has written in this process in this cycle
    judged: int = 0  # candidates in the archive; trials of corpus or incumbent that have ended
    trials: list[RunningTrial] = field(default_factory=list)


class LiveFile:
    """The writer of live.json. A file that can't be written is left out: the search goes on."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._stage: str | None = None
        self._written = 0.0

    def write(self, state: LiveState) -> None:
        """Replace the file if the stage is another one or WRITE_S are over."""
        now = self._clock()
        if state.stage == self._stage and now - self._written < WRITE_S:
            return
        self._stage, self._written = state.stage, now
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            beside.unlink(missing_ok=True)  # what lies there may be a link that leads elsewhere
            with beside.open("x", encoding="utf-8") as file:
                file.write(state.line() + "\n")
            beside.replace(self._path)
