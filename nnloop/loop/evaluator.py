"""From a completion to an entry of the archive: parse, deduplicate, train, compare, decide.

Completions come in any order and trials end in any order; entries leave in slot order, so that the archive, the novelty
verdicts and "the first of two equal candidates" do not depend on timing.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial

from nnloop.errors import CompletionError
from nnloop.executor import Executor
from nnloop.loop.archive import Archive
from nnloop.modes import Mode
from nnloop.modes.salvage import read_answer
from nnloop.records import (
    COMPLETED,
    Candidate,
    Completion,
    Entry,
    Network,
    Status,
    Trial,
    TrialResult,
    candidate_id,
)
from nnloop.runs.durable import Journal
from nnloop.stop import Stop

LOOK_S = 0.5  # between looks at whether a stop is requested, while trials run


@dataclass(frozen=True, slots=True)
class Rules:
    """Who is admitted and who is selected.

    Admitted: valid, at or above `min_accuracy`, novel. Selected, which makes a network a parent and a training
    target, is by `pool`: `admitted`, the papers' rule; `good`, distinct, valid, at or above `min_accuracy` and in delta
    mode better than its parent; `better`, as good, but in delta mode whatever its accuracy.
    """

    min_accuracy: float
    pool: str
    mode: str

    def admits(self, result: TrialResult, novel: bool) -> bool:
        return result.status is Status.OK and novel and _at_least(result.val_accuracy, self.min_accuracy)

    def selects(self, result: TrialResult, admitted: bool, parent: Network) -> bool:
        if self.pool == "admitted" or result.status is not Status.OK or result.val_accuracy is None:
            return admitted
        good = _at_least(result.val_accuracy, self.min_accuracy)
        if self.mode == "full":
            return good
        improved = parent.val_accuracy is None or result.val_accuracy > parent.val_accuracy
        return improved and (good or self.pool == "better")


def _at_least(accuracy: float | None, bound: float) -> bool:
    return accuracy is not None and accuracy >= bound


@dataclass(slots=True)
class _Case:
    """One slot on its way."""

    completion: Completion
    parent: Network
    code: str = ""
    candidate: str | None = None
    error: CompletionError | None = None
    salvaged: list[str] = field(default_factory=list)


class Assessor:
    """One cycle's completions on their way into the archive."""

    def __init__(
        self,
        archive: Archive,
        mode: Mode,
        rules: Rules,
        executor: Executor,
        pose: Callable[[Candidate], Trial],
        done: dict[str, TrialResult],
        trials: Journal,
        first_slot: int,
    ) -> None:
        """`pose` makes a candidate's trial; `done` are results of this cycle from before a restart, by candidate id."""
        self._archive, self._mode, self._rules = archive, mode, rules
        self._executor, self._pose, self._trials = executor, pose, trials
        self._cases: dict[int, _Case] = {}
        self._results = dict(done)
        self._running: dict[Future[TrialResult], str] = {}
        self._next = first_slot

    def submit(self, completion: Completion, parent: Network) -> None:
        """Turn a completion into a candidate and start its trial, unless an equal one is known or on trial."""
        case = _Case(completion, parent)
        self._cases[completion.slot] = case
        try:
            case.code, case.salvaged = read_answer(self._mode, completion.text, parent.code)
            case.candidate = candidate_id(case.code)
        except CompletionError as error:
            case.error = error
            return
        known = case.candidate in self._archive.results or case.candidate in self._results
        if not known and case.candidate not in self._running.values():
            future = self._executor.submit(self._pose(_candidate(case)))
            self._running[future] = case.candidate

    def ready(self) -> Iterator[Entry]:
        """Archive and give the entries that are complete and next in line; never waits."""
        for future in [future for future in self._running if future.done()]:
            self._keep(future)
        entries = []
        while (case := self._cases.get(self._next)) and self._complete(case):
            entries.append(self._judge(case))
            self._archive.add(entries[-1], case.code)
            del self._cases[self._next]
            self._next += 1
        self._archive.commit()
        yield from entries

    def until(self, slot: int, stop: Stop) -> Iterator[Entry]:
        """Wait until all slots below `slot`, which have been submitted, are archived, or a stop is requested."""
        yield from self.ready()
        while self._next < slot and self._running:
            self._await(stop)
            yield from self.ready()

    def rest(self, stop: Stop) -> Iterator[Entry]:
        """Wait for everything submitted, or a stop that is requested."""
        yield from self.ready()
        while self._running:
            self._await(stop)
            yield from self.ready()

    def _await(self, stop: Stop) -> None:
        """Wait for the end of a trial; once a stop is requested, those that have not begun are dropped."""
        if stop.requested:
            self._running = {future: name for future, name in self._running.items() if not future.cancel()}
        with stop.waiting():
            wait(self._running, LOOK_S, FIRST_COMPLETED)

    def _keep(self, future: Future[TrialResult]) -> None:
        """Write a result down at once, however long an earlier slot still trains."""
        candidate = self._running.pop(future)
        result = self._results[candidate] = future.result()
        self._trials.append(_trial_line(candidate, result))

    def _complete(self, case: _Case) -> bool:
        return case.candidate is None or case.candidate in self._results or case.candidate in self._archive.results

    def _judge(self, case: _Case) -> Entry:
        """Decide on a slot whose result is known."""
        entry = partial(Entry, case.completion.generation, case.candidate, salvaged=case.salvaged)
        if case.error is not None:
            return entry(case.error.status, case.error.reason)
        candidate = str(case.candidate)
        if candidate in self._archive.results:
            reason = f"same network as {self._archive.where(candidate)}"
            return entry(Status.DUPLICATE, reason, result=self._archive.results[candidate])
        result = self._results[candidate]
        if result.status not in COMPLETED:
            return entry(result.status, result.reason, result=result)
        novelty = self._archive.novelty.judge(candidate, case.code, result.graph)
        admitted = self._rules.admits(result, novelty.novel)
        selected = self._rules.selects(result, admitted, case.parent)
        return entry(result.status, result.reason, result=result, novelty=novelty, admitted=admitted, selected=selected)


def _candidate(case: _Case) -> Candidate:
    generation = case.completion.generation
    assert case.candidate is not None
    return Candidate(
        id=case.candidate,
        code=case.code,
        mode=generation.mode,
        parent=generation.parent,
        cycle=generation.cycle,
        slot=generation.slot,
    )


def _trial_line(candidate: str, result: TrialResult) -> str:
    return f'{{"candidate": "{candidate}", "result": {result.line()}}}'
