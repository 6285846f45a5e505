"""The heartbeat of a search's process, from its lock file, which is read and never locked."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from nnloop.runs import foreign
from nnloop.runs.folder import RunFolder
from nnloop.runs.lease import BEAT_S, STALE_S, Holder

_BYTES = 4096
SILENT_S = STALE_S + BEAT_S


class Pulse:
    """The heartbeat of a search. Clocks of two hosts are never compared: only a change of the file counts."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._folder, self._clock = RunFolder(folder).lock_file, folder, clock
        self._seen: Holder | None = None
        self._changed = float("-inf")
        self._began = clock()

    def look(self) -> str:
        """Return running; silent if a holder's heart does not beat; free if nobody holds the folder.

        Until SILENT_S have passed, a holder counts as running.
        """
        holder, now = self._holder(), self._clock()
        if holder is None:
            self._seen = None
            return "free"
        if self._seen is not None and holder != self._seen:
            self._changed = now
        self._seen = holder
        return "running" if now - max(self._changed, self._began) <= SILENT_S else "silent"

    @property
    def holder(self) -> str:
        """The process that has the lock, in words."""
        return str(self._seen) if self._seen else ""

    def _holder(self) -> Holder | None:
        try:
            return Holder.from_json(json.loads(foreign.read_bytes(self._path, self._folder, _BYTES)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
