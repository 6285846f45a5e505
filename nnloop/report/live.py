"""The page of a running search, written again and again as results come in.

A page that can't be written (a full disk) is only a warning: it can be made at any time by job=report.
"""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from nnloop.errors import UserError
from nnloop.report.measures.read import Follower
from nnloop.report.web.text_store import BlockCache
from nnloop.report.write import write_run_page
from nnloop.runs import state
from nnloop.runs.folder import RunFolder
from nnloop.runs.state import Stage

LEAST_S = 2.0
"""Seconds between two pages at least."""
SHARE = 0.03
"""The most of a search's time that goes into its pages, the pages of closed cycles aside."""

_log = logging.getLogger(__name__)


class LivePage:
    """The page of a search, from `with` on; it tells how the search has ended if that was not by itself.

    `grown` says that there are results which the page does not show yet.
    """

    def __init__(self, run: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self.grown = False
        self._run = run
        self._follower = Follower(run.path)
        self._cache = BlockCache()
        self._clock = clock
        self._due = float("-inf")

    def __enter__(self) -> Self:
        state.begin(self._run)
        if self._run.page.exists():
            self.write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        stage = Stage.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Stage.FAILED
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        try:
            state.end(self._run, stage, "" if stage is Stage.INTERRUPTED else reason)
        except UserError as unwritable:
            _log.warning("%s", unwritable)
        self.write()

    def renew(self) -> None:
        """Write the page if it lacks results, unless the last one is too young for what a page costs."""
        if self.grown and self._clock() >= self._due:
            self.write()

    def write(self) -> None:
        """Write the page of all results on the disk; a run without any gets none."""
        self.grown = False
        started = self._clock()
        try:
            run = self._follower.read()
            if run.entries or run.open_entries:
                write_run_page(run, self._cache)
        except Exception as error:  # a page is not worth a search
            _log.warning("the page is not renewed: %s", error or type(error).__name__)
        now = self._clock()
        self._due = now + max(LEAST_S, (now - started) / SHARE)


class NoPage(LivePage):
    """No page while a search runs."""

    def write(self) -> None:
        """Write nothing."""
