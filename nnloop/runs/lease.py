"""One writer per run folder: a lock between processes of one host, and a heartbeat between hosts.

`flock` decides between processes of one host, and ends with its holder. Not every network file system passes it on to
other hosts, so the lock file also names its holder, who rewrites it every BEAT_S. A process on another host takes over
a file that has not changed for STALE_S by its own monotonic clock; the clocks of two hosts are never compared. A holder
that finds another name in the file (after it was suspended, or cut off from the file system) stops writing.

Not covered: a file system that shows one host's writes to another later than STALE_S, and a holder that is cut off in
the middle of a write.
"""

import fcntl
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from nnloop.errors import RunFolderError
from nnloop.json_record import Record

BEAT_S = 5.0
STALE_S = 30.0
RIVAL_S = 2.0  # the wait in which a rival that takes over at the same moment shows
_BYTES = 512  # the length of every state, so that one write replaces it


@dataclass(frozen=True, slots=True)
class Holder(Record):
    """The process that has the lock, as the lock file names it."""

    host: str
    boot: str  # the kernel's boot id: processes with the same one share flocks
    pid: int
    token: str
    beat: int = 0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def myself() -> Holder:
    """Return this process as a holder."""
    return Holder(host=platform.node(), boot=_boot(), pid=os.getpid(), token=uuid.uuid4().hex)


class Lease:
    """The lock of a folder, from `acquire` to `release`."""

    def __init__(self, path: Path, me: Holder, stale_s: float = STALE_S, beat_s: float = BEAT_S) -> None:
        """`me` is passed in, so that a test can play another host."""
        self._path, self._me, self._stale_s, self._beat_s = path, me, stale_s, beat_s
        self._file = -1
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True, name="lease")

    def acquire(self, waiting: Callable[[str], None] = lambda _: None) -> None:
        """Become the holder; `waiting` gets a line if that takes long. Raises RunFolderError that names the holder."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            locked = _flock(self._file)
            if locked is False:
                raise self._in_use_by(self._read())
            other = self._read()
            if other is not None and not (locked and other.boot == self._me.boot):
                waiting(f"{self._path.parent}: was held by {other}; looking for {self._stale_s:g} s whether it lives")
                self._watch(other)
                self._write(self._me)
                self._ended.wait(min(RIVAL_S, self._stale_s))
                self.check()
            else:
                self._write(self._me)
        except BaseException:  # Ctrl-C too: whatever ends this, the lock is released
            os.close(self._file)
            raise
        self._beating.start()

    def check(self) -> None:
        """Raise RunFolderError if another process has taken over."""
        now = self._read()
        if now is None or now.token != self._me.token:
            raise self._in_use_by(now)

    def release(self) -> None:
        """Free the folder for the next process."""
        self._ended.set()
        if self._beating.is_alive():
            self._beating.join()
        now = self._read()
        if now is not None and now.token == self._me.token:
            os.pwrite(self._file, b" " * _BYTES, 0)
        os.close(self._file)

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_s):
            now = self._read()
            if now is None or now.token != self._me.token:
                return  # `check` tells
            self._me = replace(self._me, beat=self._me.beat + 1)
            with suppress(OSError):  # the file system is gone for now: `check` tells if somebody took over meanwhile
                self._write(self._me)

    def _watch(self, seen: Holder) -> None:
        """Wait for STALE_S by this process's monotonic clock. Raises RunFolderError if the holder's state changes."""
        until = time.monotonic() + self._stale_s
        while time.monotonic() < until:
            self._ended.wait(min(self._beat_s, self._stale_s / 6))
            now = self._read()
            if now != seen:
                raise self._in_use_by(now or seen)

    def _read(self) -> Holder | None:
        """Read the holder. The file is opened anew, because that makes a network file system ask its server."""
        try:
            return Holder.from_json(json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, holder: Holder) -> None:
        os.pwrite(self._file, holder.line().encode().ljust(_BYTES)[:_BYTES], 0)
        os.fsync(self._file)

    def _in_use_by(self, holder: Holder | None) -> RunFolderError:
        return RunFolderError(f"{self._path.parent}: in use by {holder or 'another process'}")


def _flock(file: int) -> bool | None:
    """Return True if the lock was acquired; None if the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return platform.node()
