"""The state of one search as the page shows it, brought up to date by looks at the run folder's new lines."""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.measures import best_of
from nnloop.printable import printable
from nnloop.records import Completion, Costs, CycleReport, Entry, FinetuneStep
from nnloop.runs import foreign
from nnloop.runs.folder import RunFolder
from nnloop.runs.live_state import LiveState
from nnloop.runs.state import Stage, read_state
from nnloop.watch.pulse import Pulse
from nnloop.watch.tail import Tail

ANSWERS = 40  # the newest completions that can be opened
DOTS = 500  # the newest candidates in the chart
TEXT = 100_000  # characters of a completion that are shown
_REASON = 300
_MOST_CYCLES = 10_000


def shown(text: str, most: int = _REASON) -> str:
    """Return a text with its invisible characters as escapes, cut where it is too long."""
    plain = printable(text[:most].expandtabs(4))
    return plain if len(text) <= most else f"{plain} ... ({len(text) - most:,} characters more)"


class RunView:
    """One run folder."""

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, RunFolder(path)
        self._pulse = Pulse(path)
        self._archive = Tail(self._folder.archive, path)
        self._reports: list[CycleReport] = []
        self._of_cycle: dict[str, Tail] = {}  # the open cycle's journals, by name
        self._answers: deque[Completion] = deque(maxlen=ANSWERS)
        self._judged: dict[tuple[int, int], Entry] = {}  # of the newest candidates
        self._dots: deque[tuple[int, float]] = deque(maxlen=DOTS)  # number of the candidate, accuracy
        self._best_line: list[tuple[int, float]] = []
        self._best: Entry | None = None
        self._step: FinetuneStep | None = None
        self._count = dict.fromkeys(("entries", "valid", "admitted", "tokens"), 0)
        self._firsts: Counter[int] = Counter()  # first answers in the archive, by cycle
        self._written = 0  # first answers of the open cycle
        self._error = ""

    def look(self) -> dict[str, Any]:
        """Read the new lines and return the state, as JSON takes it. A fault of the folder is part of the state."""
        if not self._error:
            try:
                self._read()
            except (OSError, ValueError, KeyError, TypeError, RecursionError, RunFolderError) as error:
                self._error = shown(f"can't be read any further: {error}")
        try:
            return self._state()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RunFolderError) as error:
            return {"name": shown(self.path.name), "state": "unreadable", "error": shown(str(error))}

    def answer(self, cycle: int, slot: int) -> dict[str, str] | None:
        """Return prompt and text of one of the newest completions, by its place from 0; None if it is none of them."""
        for one in self._answers:
            if (one.cycle, one.slot) == (cycle, slot):
                return {"prompt": shown(one.prompt, TEXT), "text": shown(one.text, TEXT)}
        return None

    def _read(self) -> None:
        """Take the new rows: of the archive, of closed cycles, and of the open cycle's journals."""
        first_look = not self._of_cycle
        for row in self._archive.rows():
            self._add(Entry.from_json(row))
        while len(self._reports) < _MOST_CYCLES and (report := self._report(len(self._reports))):
            if not first_look:
                self._read_cycle()  # what came between the last look and the cycle's end
            self._reports.append(report)
            self._of_cycle, self._written, self._step = {}, 0, None
        if first_look and self._reports:  # the answers of a search that has ended can be read too
            self._take(Tail(self._folder.completions(len(self._reports) - 1), self.path))
        self._read_cycle()

    def _read_cycle(self) -> None:
        number = len(self._reports)
        if not self._of_cycle:
            files = {"completions": self._folder.completions(number), "steps": self._folder.finetune_steps(number)}
            self._of_cycle = {name: Tail(file, self.path) for name, file in files.items()}
        self._written += self._take(self._of_cycle["completions"])
        for row in self._of_cycle["steps"].rows():
            self._step = FinetuneStep.from_json(row)

    def _take(self, completions: Tail) -> int:
        """Keep the new completions; return how many of them are first answers."""
        new = [Completion.from_json(row) for row in completions.rows()]
        self._answers.extend(new)
        return sum(one.generation.retry_of is None for one in new)

    def _report(self, cycle: int) -> CycleReport | None:
        path = self._folder.report(cycle)
        return CycleReport.from_json(self._json(path)) if path.exists() else None

    def _add(self, entry: Entry) -> None:
        count = self._count
        count["entries"] += 1
        count["admitted"] += entry.admitted
        count["tokens"] += entry.generation.tokens
        if entry.retry_of is None:
            self._firsts[entry.cycle] += 1
            count["valid"] += entry.valid
        best = best_of([one for one in (self._best, entry) if one])
        if best is not None and best is not self._best:
            self._best_line.append((count["entries"], best.val_accuracy or 0.0))
        self._best = best
        if entry.val_accuracy is not None:
            self._dots.append((count["entries"], entry.val_accuracy))
        self._judged[entry.cycle, entry.slot] = entry
        if len(self._judged) > 4 * ANSWERS:
            del self._judged[next(iter(self._judged))]

    def _json(self, path: Path) -> Any:
        return json.loads(foreign.read_bytes(path, self.path, foreign.DOCUMENT_BYTES))

    def _live(self) -> LiveState | None:
        try:
            return LiveState.from_json(self._json(self._folder.live))
        except (OSError, ValueError, RecursionError):
            return None  # of an older version, or not begun

    def _open_costs(self) -> Costs:
        try:
            return Costs.from_json(self._json(self._folder.costs(len(self._reports))))
        except (OSError, ValueError, RecursionError):
            return Costs(seconds={}, tokens=0, prompt_tokens=0, peak_bytes=0)

    def _state(self) -> dict[str, Any]:
        settings, live, pulse = self._folder.settings(), self._live(), self._pulse.look()
        cycles, candidates = int(settings["cycles"]), int(settings["candidates"])
        closed, opened = len(self._reports), self._open_costs()
        ended = read_state(self._folder) if pulse == "free" else None
        complete = ended is not None and ended.stage is Stage.STOPPED and closed >= cycles  # of an older version
        state = str(Stage.FINISHED if complete else ended.stage) if ended else pulse
        spent = [report.costs.seconds.get("total", 0.0) for report in self._reports]
        elapsed = opened.seconds.get("total", 0.0)
        judged = min(candidates, self._firsts[closed])
        left = _left(spent, elapsed, done=judged / max(1, candidates), cycles=cycles)
        running = state == "running"
        stage = live.stage if live and running else ""
        if live and running and live.of != "cycle":
            stage = f"{live.of}: {live.judged} of {live.candidates} trials done"
        return {
            "name": shown(self.path.name),
            "state": state,
            "holder": shown(self._pulse.holder),
            "stage": shown(stage),
            "error": self._error or shown(ended.reason if ended else ""),
            "cycle": min(closed + 1, cycles),
            "cycles": cycles,
            "closed": closed,
            "candidates": candidates,
            "written": min(candidates, self._written) if closed < cycles else candidates,
            "judged": judged if closed < cycles else candidates,
            "step": self._step.to_json() if self._step and running and stage == "fine-tuning" else None,
            "valid": [self._count["valid"], self._firsts.total()],
            "admitted": self._count["admitted"],
            "best": _told(self._best),
            "best_line": self._best_line[-DOTS:],
            "dots": list(self._dots),
            "seconds": sum(spent) + elapsed,
            "tokens": self._count["tokens"],
            "joules": _joules([*(report.costs for report in self._reports), opened]),
            "left": left if running else None,
            "ends": round(time.time() + left) if running and left is not None else None,
            "trials": [
                {"place": f"{one.cycle + 1}.{one.slot + 1}", "candidate": shown(one.candidate), "since": one.since}
                for one in (live.trials if live and running else [])[:64]
            ],
            "answers": list(self._listed()),
            "incumbent": self._incumbent(),
            "report": closed > 0,
        }

    def _listed(self) -> Iterator[dict[str, Any]]:
        """Yield the newest completions, the last one first, with their outcome if they were judged."""
        for one in reversed(self._answers):
            entry = self._judged.get((one.cycle, one.slot))
            yield {
                "cycle": one.cycle,
                "slot": one.slot,
                "tokens": one.generation.tokens,
                "status": str(entry.status) if entry else "",
                "reason": shown(entry.reason) if entry else "",
                "accuracy": entry.val_accuracy if entry else None,
                "line": shown(next((line for line in one.text.splitlines() if _says(line)), ""), 120),
            }

    def _incumbent(self) -> dict[str, Any] | None:
        if not os.path.lexists(self._folder.incumbent):
            return None
        known = self._json(self._folder.incumbent)
        return {
            part: {end: float(known[part][end]) for end in ("value", "low", "high")} for part in ("validation", "test")
        }


def _says(line: str) -> bool:
    """Tell whether a line is more than white space, a tag or a fence."""
    plain = line.strip()
    return bool(plain) and not plain.startswith("```") and not (plain.startswith("<") and plain.endswith(">"))


def _left(spent: list[float], elapsed: float, *, done: float, cycles: int) -> float | None:
    """Return the seconds until the last cycle ends, by the last cycles or by the open one's part that is done."""
    remaining = cycles - len(spent)
    if remaining <= 0:
        return 0.0
    recent = spent[-5:]
    whole = sum(recent) / len(recent) if recent else elapsed / done if done else None
    return None if whole is None else max(0.0, whole - elapsed) + whole * (remaining - 1)


def _told(best: Entry | None) -> dict[str, Any] | None:
    if best is None:
        return None
    tested = best.result.test_accuracy if best.result else None
    return {
        "accuracy": best.val_accuracy,
        "test": tested,
        "candidate": best.candidate,
        "cycle": best.cycle + 1,
        "slot": best.slot + 1,
    }


def _joules(costs: list[Costs]) -> float | None:
    known = [one.joules for one in costs if one.joules is not None]
    return sum(known) if known else None
