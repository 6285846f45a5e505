"""The live view of a search on a terminal or in a notebook, or plain log lines if stderr is something else."""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from nnloop.records import Candidate, CycleReport, Entry
from nnloop.report.notebook import NotebookView, in_notebook
from nnloop.report.text import closing_line, duration, percent
from nnloop.runs.live_state import LiveState, RunningTrial

log = logging.getLogger(__name__)

_QUIET_S = 30.0  # the longest silence of the plain lines while candidates come in


@dataclass(slots=True)
class _Cycle:
    """The running cycle so far; `done` candidates were judged before this process took it up."""

    of: str = "cycle"  # or corpus, incumbent: trials before the first cycle and after the last
    number: int = 0
    candidates: int = 0
    done: int = 0
    generated: int = 0
    tokens: int = 0  # that the LLM has written in this process
    judged: int = 0
    valid: int = 0
    best: float | None = None
    stage: str = "starting"
    started: float = 0.0

    @property
    def finished(self) -> int:
        return self.done + self.judged

    @property
    def written(self) -> str:
        """The completions that the LLM has finished; empty before it has begun."""
        begun = self.generated or self.tokens
        return f", {self.generated} of {self.candidates} written{self.counted}" if begun else ""

    @property
    def counted(self) -> str:
        return f" ({self.tokens:,} tokens)" if self.tokens else ""


@dataclass(slots=True)
class _History:
    """The whole run so far."""

    cycles: int = 0
    best: float | None = None
    cycle_seconds: list[float] = field(default_factory=list)  # of the cycles that this process closed


class Progress:
    """A view of the stage, the candidates done, the valid ones among them, the best accuracy and the time left."""

    def __init__(
        self,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        record: Callable[[LiveState], None] = lambda state: None,
    ) -> None:
        """Take the view as wanted or not; `live` None wants it if stderr is a terminal that can move its cursor.

        `record` gets each state.
        """
        moves = sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        self._live_wanted = moves if live is None else live
        self._clock = clock
        self._live: Any = None
        self._notebook: NotebookView | None = None
        self._moved: list[tuple[logging.StreamHandler[Any], Any]] = []
        self._record = record
        self._running: dict[str, RunningTrial] = {}
        self._cycle = _Cycle()
        self._history = _History()
        self._last_line = clock()

    def __enter__(self) -> Self:
        if self._live_wanted:
            self._start_live()
        elif in_notebook():
            self._notebook = NotebookView(self._summed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._notebook is not None:
            self._notebook.update(last=True)
            self._notebook = None
        for handler, stream in self._moved:
            handler.setStream(stream)
        self._moved = []

    def begin(self, cycle: int, cycles: int, *, candidates: int, done: int) -> None:
        """Open a cycle of which `done` candidates are in the archive already."""
        self._history.cycles = cycles
        self._cycle = _Cycle("cycle", cycle, candidates=candidates, done=done, generated=done, started=self._clock())
        if done:
            self._say(f"cycle {cycle + 1}/{cycles}: {done} of {candidates} candidates are done already")
        self._record(self.state())

    def trials(self, of: str, done: int, trials: int) -> None:
        """Show that `done` trials of the corpus or the incumbent have ended; called from several threads."""
        if self._cycle.of != of:
            self._cycle = _Cycle(of, candidates=trials, stage="training", started=self._clock())
        self._cycle.judged = done
        self._refresh()
        if self._clock() - self._last_line > _QUIET_S:
            self._say(self._summed())

    def stage(self, name: str) -> None:
        """Show another stage of the cycle."""
        if name != self._cycle.stage:
            self._cycle.stage = name
            self._refresh()
            self._say(f"{self._title()}: {name}")

    def generated(self, n: int) -> None:
        """Show that `n` completions of this cycle are written so far."""
        self._cycle.generated = n
        self._refresh()

    def wrote(self, tokens: int) -> None:
        """Count tokens of completions that the LLM is still writing; a long silence is broken."""
        self._cycle.tokens += tokens
        self._refresh()
        if self._clock() - self._last_line > _QUIET_S:
            self._say(self.line())

    def running(self, candidates: Sequence[Candidate]) -> None:
        """Take the candidates whose trials run now."""
        now = time.time()
        self._running = {
            one.id: self._running.get(one.id) or RunningTrial(one.id, one.cycle, one.slot, since=now)
            for one in candidates
        }
        self._record(self.state())

    def judged(self, entry: Entry) -> None:
        """Count one more candidate, and its accuracy if it is valid."""
        cycle = self._cycle
        cycle.judged += 1
        cycle.valid += entry.valid
        accuracy = entry.val_accuracy
        if accuracy is not None:
            cycle.best = max(accuracy, cycle.best or 0.0)
            self._history.best = max(accuracy, self._history.best or 0.0)
        self._refresh()
        if self._clock() - self._last_line > _QUIET_S:
            self._say(self.line())

    def closed(self, report: CycleReport) -> None:
        """Log a closed cycle in one line."""
        self._history.cycle_seconds.append(self._clock() - self._cycle.started)
        self._history.best = max(
            (value for value in (report.best_accuracy, self._history.best) if value is not None), default=None
        )
        self._last_line = self._clock()
        log.info(closing_line(report, self._history.cycles))

    def state(self) -> LiveState:
        """Return what the search is doing."""
        cycle = self._cycle
        return LiveState(
            of=cycle.of,
            cycle=cycle.number,
            stage=cycle.stage,
            candidates=cycle.candidates,
            written=cycle.generated,
            tokens=cycle.tokens,
            judged=cycle.finished,
            trials=list(self._running.values()),
        )

    def line(self) -> str:
        """Return the whole state in one line."""
        cycle, history = self._cycle, self._history
        return (
            f"{self._title()}: {cycle.stage}{cycle.written}, {cycle.finished}/{cycle.candidates} done, "
            f"{cycle.valid} of {cycle.judged} valid, best {percent(history.best)} %, {self._left()}"
        )

    def seconds_left(self) -> tuple[float | None, float | None]:
        """Return the time left for this cycle and for the whole run; None before the first candidate is judged."""
        cycle, history = self._cycle, self._history
        elapsed = self._clock() - cycle.started
        if history.cycle_seconds:
            whole: float | None = sum(history.cycle_seconds) / len(history.cycle_seconds)
        else:
            whole = elapsed * cycle.candidates / cycle.judged if cycle.judged else None
        if whole is None:
            return None, None
        share = 1 - cycle.done / max(1, cycle.candidates)  # a cycle that was taken up again is shorter
        here = max(0.0, whole * share - elapsed)
        return here, here + whole * (history.cycles - cycle.number - 1)

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        cycle, history = self._cycle, self._history
        by_itself = cycle.of != "cycle"
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(1, cycle.candidates), completed=cycle.finished, width=30)
        title = Text(self._title(), style="bold")
        head.add_row(title, Text(cycle.stage, style="cyan"), bar, f"{cycle.finished}/{cycle.candidates}")
        facts = [self._left()]
        if not by_itself:
            written, valid = f"{cycle.generated} written{cycle.counted}", f"{cycle.valid} of {cycle.judged} valid"
            best = f"best {percent(cycle.best)} % (run {percent(history.best)} %)"
            facts = [written, valid, best, *facts]
        body = Text(" · ".join(facts), style="dim")
        return Group(head, body)

    def _summed(self) -> str:
        """Return `line`, or the trials of the corpus or the incumbent in one."""
        cycle = self._cycle
        if cycle.of == "cycle":
            return self.line() if self._history.cycles else cycle.stage
        return f"{cycle.of}: {cycle.judged} of {cycle.candidates} trials done, {self._left()}"

    def _refresh(self) -> None:
        if self._notebook is not None:
            self._notebook.update()
        self._record(self.state())

    def _title(self) -> str:
        cycle = self._cycle
        return f"cycle {cycle.number + 1}/{self._history.cycles}" if cycle.of == "cycle" else cycle.of

    def _left(self) -> str:
        here, whole = self.seconds_left()
        if self._cycle.of != "cycle" and here is not None:
            return f"{duration(here)} left"
        return "time left unknown" if whole is None else f"{duration(here)} left (run {duration(whole)})"

    def _say(self, text: str) -> None:
        """Log a line, unless the live view shows the same."""
        if self._live is None:
            self._last_line = self._clock()
            log.info(text)

    def _start_live(self) -> None:
        """Open the live view and lead the log's console handlers through it, so that a line never cuts into it."""
        from rich.console import Console
        from rich.file_proxy import FileProxy
        from rich.live import Live

        console = Console(stderr=True)
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)
        for handler in [*logging.getLogger().handlers, *logging.getLogger("nnloop").handlers]:
            if type(handler) is logging.StreamHandler and handler.stream in (sys.stderr, sys.stdout):
                self._moved.append((handler, handler.stream))
                handler.setStream(FileProxy(console, handler.stream))
        self._live.start()
