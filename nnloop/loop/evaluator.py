"""The way of a completion to an entry of the archive: parse, deduplicate, train, compare, decide.

Completions may come and trials may end in any order. Entries are made in slot order, so that the archive, the novelty
verdicts and the first of two equal candidates do not depend on timing.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial

from nnloop.errors import CompletionError
from nnloop.executor import Executor
from nnloop.loop.archive import Archive
from nnloop.loop.estimates import Estimator
from nnloop.loop.selection import SelectionRules
from nnloop.modes import Mode, Reading
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
    pooled,
)
from nnloop.runs.durable import Journal
from nnloop.stop import Stop

WAIT_S = 0.5  # the longest wait, so that a stop is noticed while trials run


@dataclass(slots=True)
class _Case:
    """A completion that is not in the archive yet."""

    completion: Completion
    parent: Network
    candidate: Candidate | None = None  # None: `error` says why no code came out
    salvaged: list[str] = field(default_factory=list)
    error: CompletionError | None = None


@dataclass(kw_only=True)
class Evaluator:
    """The way of one cycle's completions to the archive."""

    archive: Archive
    mode: Mode
    rules: SelectionRules
    estimators: Mapping[str, Estimator]  # by dataset; without one, single trials decide
    executor: Executor
    make_trial: Callable[[Candidate], Trial]
    results: dict[str, TrialResult]  # by candidate id; at first this cycle's results from before a restart
    trials: Journal  # every result is written here at once, even while an earlier slot still trains
    next_slot: int  # the lowest slot that is not in the archive yet
    answered: bool  # the cycle has an answer; before that its entries stay in memory, so that a restart asks again
    _cases: dict[int, _Case] = field(default_factory=dict, init=False)
    _running: dict[Future[TrialResult], str] = field(default_factory=dict, init=False)

    def submit(self, completion: Completion, parent: Network) -> None:
        """Turn a completion into a candidate and start its trial, unless an equal candidate was or is on trial."""
        case = self._cases[completion.slot] = _Case(completion, parent)
        if completion.generation.failure:
            case.error = CompletionError(Status.NO_ANSWER, completion.generation.failure)
            return
        self.answered = True
        try:
            reading = read_answer(self.mode, completion.text, parent.code, cut=_cut(completion))
            case.candidate, case.salvaged = _candidate(completion, reading, parent), reading.salvages
        except CompletionError as error:
            case.error = error
            return
        name = case.candidate.id
        if name not in self.archive.results and name not in self.results and name not in self._running.values():
            self._running[self.executor.submit(self.make_trial(case.candidate))] = name

    def poll(self) -> list[Entry]:
        """Archive completions up to the first slot without a result, and return their entries."""
        for future in [future for future in self._running if future.done()]:
            name = self._running.pop(future)
            self.results[name] = future.result()
            self.trials.append(f'{{"candidate": "{name}", "result": {self.results[name].line()}}}')
        entries = []
        while (case := self._cases.get(self.next_slot)) and self._has_result(case):
            entries.append(self._decide(case))
            self.archive.add(entries[-1], case.candidate.code if case.candidate else "")
            del self._cases[self.next_slot]
            self.next_slot += 1
        if self.answered:
            self.archive.commit()
        return entries

    def wait(self, stop: Stop) -> list[Entry]:
        """Wait up to WAIT_S for a trial to end, then poll; after a stop request, drop trials that have not begun."""
        if stop.requested:
            self._running = {future: name for future, name in self._running.items() if not future.cancel()}
        with stop.waiting():
            wait(self._running, WAIT_S, FIRST_COMPLETED)
        return self.poll()

    def running(self) -> list[Candidate]:
        """Return the candidates whose trials run now, in slot order."""
        names = {name for future, name in self._running.items() if future.running()}
        cases = [case for _, case in sorted(self._cases.items())]
        by_id = {case.candidate.id: case.candidate for case in reversed(cases) if case.candidate}
        return sorted((by_id[name] for name in names & by_id.keys()), key=lambda one: one.slot)

    def is_pending(self, below: int | None = None) -> bool:
        """Tell whether a slot lower than `below` may wait for a running trial; None: whether any trial runs."""
        return bool(self._running) and (below is None or self.next_slot < below)

    def _has_result(self, case: _Case) -> bool:
        return case.candidate is None or case.candidate.id in self.results or case.candidate.id in self.archive.results

    def _decide(self, case: _Case) -> Entry:
        """Make the entry of a case whose result is known."""
        if case.candidate is None:
            assert case.error is not None
            return Entry(case.completion.generation, None, case.error.status, reason=case.error.reason)
        name = case.candidate.id
        own = case.candidate
        entry = partial(
            Entry, case.completion.generation, name, salvaged=case.salvaged, hp=own.hp, transform=own.transform
        )
        if name in self.archive.results:
            reason = f"same network as {self.archive.where(name)}"
            return entry(status=Status.DUPLICATE, reason=reason, result=self.archive.results[name])
        result = self.results[name]
        entry = partial(entry, status=result.status, reason=result.reason, result=result)
        if result.status not in COMPLETED:
            return entry()
        novelty = self.archive.novelty.judge(name, case.candidate.code, result.graph)
        admitted = self.rules.admits(result, novel=novelty.novel, dataset=case.parent.dataset)
        estimate = None
        estimator = self.estimators.get(case.parent.dataset)
        if estimator and result.val_accuracy is not None and case.parent.val_accuracy is not None:
            estimate = estimator.of(result.val_accuracy, case.parent)
        selected = self.rules.selects(result, admitted=admitted, parent=case.parent, estimate=estimate)
        return entry(novelty=novelty, admitted=admitted, selected=selected, estimate=estimate)


def _candidate(completion: Completion, reading: Reading, parent: Network) -> Candidate:
    """Make the candidate of an answer: of its parent's dataset, and with its recipe unless the answer's counts."""
    asked, dataset = completion.generation, parent.dataset
    return Candidate(
        pooled(candidate_id(reading.code), dataset),
        reading.code,
        mode=asked.mode,
        parent=asked.parent,
        cycle=asked.cycle,
        slot=asked.slot,
        dataset=dataset,
        hp=parent.hp | reading.hp,
        transform=reading.transform or parent.transform,
    )


def _cut(completion: Completion) -> str:
    """Say why the completion ended before its end; empty if it did not."""
    asked = completion.generation
    if asked.looped:
        return f"it said the same over and over and was ended after {asked.tokens} tokens (llm.max_repeats)"
    return f"the token limit cut it off after {asked.tokens} tokens (llm.max_new_tokens)" if asked.truncated else ""
