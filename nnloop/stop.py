"""An orderly end on SIGTERM and Ctrl-C: running trials get a grace time, a second Ctrl-C ends at once.

Under a cluster's scheduler a third signal, SIGUSR2, announces the end of the time limit or a pre-emption. If
submitit already handles it, that handler has the last word, after everything was saved: it requeues the job.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

EXIT_CODE = 75  # EX_TEMPFAIL: nothing is wrong, start it again
NOTICE_S = 2.0  # between a scheduler's SIGTERM and its SIGUSR2

T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end; everything up to here is saved."""


class Stop:
    """The handler of signals within `with`. Outside of `grace` the first one raises Interrupted where it arrives.

    In another thread than the main one no signal is handled: Python gives them to the main thread alone.
    """

    def __init__(self, grace_s: float, *, owns_process: bool = True) -> None:
        """`owns_process` False: a second Ctrl-C raises Interrupted instead of ending a process that isn't ours."""
        self.requested = False
        self._grace_s = grace_s
        self._owns_process = owns_process
        self._alarm_s = (0.0, 0.0)  # left of an alarm that the program has set, and its interval
        self._graceful = self._waiting = self._expired = self._announced = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                self._before[number] = signal.signal(number, self._handle)
            if callable(signal.getsignal(signal.SIGUSR2)):
                self._before[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        requeue = self._before.get(signal.SIGUSR2)
        if requeue is not None and isinstance(error, Interrupted) and not self._announced:
            time.sleep(NOTICE_S)  # a pre-emption sends SIGTERM first, scancel nothing more
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._alarm_s[0]:
            signal.setitimer(signal.ITIMER_REAL, *self._alarm_s)
        if requeue is not None and self._announced:
            requeue(signal.SIGUSR2, None)

    @contextmanager
    def grace(self) -> Iterator[None]:
        """Let code go on that looks at `requested` itself: only `waiting` is interrupted, after the grace time."""
        self._graceful = True
        try:
            yield
        finally:
            self._graceful = False
            if self.requested:
                signal.setitimer(signal.ITIMER_REAL, 0)
        self.obey()

    def obey(self) -> None:
        """Raise Interrupted if a stop is requested."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let code be left at any point once the grace time is over."""
        self._waiting = True
        try:
            if self._expired:
                raise Interrupted
            yield
        finally:
            self._waiting = False

    def until_requested(self, items: Iterator[T]) -> Iterator[T]:
        """Pass the items on until a signal arrives; the wait for the next one may be left."""
        nothing: Any = object()
        while not self.requested:
            with self.waiting():
                item = next(items, nothing)
            if item is nothing:
                return
            yield item

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGALRM and not self.requested:  # an alarm of the program that this runs in
            before = self._before[number]
            if callable(before):
                before(number, frame)
            return
        if number == signal.SIGALRM:
            self._expired = True
            if self._waiting:
                raise Interrupted
            return
        self._announced = self._announced or number == signal.SIGUSR2
        if self.requested:
            if number == signal.SIGINT:
                _say("nnloop: ended at once; the same command goes on from what is saved")
                if not self._owns_process:
                    raise Interrupted
                os._exit(128 + number)
            return
        self.requested = True
        name = signal.Signals(number).name
        if not self._graceful:
            _say(f"nnloop: {name}: stopping; the same command goes on from here")
            raise Interrupted
        _say(f"nnloop: {name}: trials in flight get {self._grace_s:g} s; Ctrl-C ends at once")
        self._alarm_s = signal.setitimer(signal.ITIMER_REAL, max(self._grace_s, 1e-3))


def _say(text: str) -> None:
    """Write past the logging, whose streams the signal may have interrupted."""
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    os.write(2, f"{show_cursor}{text}\n".encode())
