"""The closed loop: parents -> prompts -> completions -> candidates -> trials -> archive -> fine-tune. Open this first.

One completion's way, with the file of each step:

1. `prompting` samples a parent and builds the prompt, from the results that settings.search.staleness lets it use.
2. The LLM (`nnloop.llm`) writes a completion, which is on the disk before it is used.
3. `evaluator` makes a candidate from it (`nnloop.modes`) and starts its trial, unless an equal network is known.
   Meanwhile the LLM writes later completions.
4. The executor (`nnloop.executor`) trains the candidate in a sandbox for the proxy's epochs.
5. `evaluator` decides in slot order: is it novel, is it admitted, is it selected (`selection`)? The entry goes to the
   `archive`; a selected network is a parent from then on.
6. An answer that failed before any training goes back to the LLM, in a slot of its own, up to settings.retries times.
7. When all slots are in the archive, `tuning` fine-tunes the LLM on pairs of parents and selected networks, and `cycle`
   sums up what came out.

Everything depends only on (run seed, cycle, slot) and the archive, so a killed run continues with the same command:
closed cycles are read back, stored completions and finished trials are used again, and only the rest is done.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from nnloop.errors import ModelError
from nnloop.executor import Executor, make_trial
from nnloop.llm.engine import Engine, Request
from nnloop.loop.archive import Archive
from nnloop.loop.artifacts import track_cycle
from nnloop.loop.costs import CostTracker
from nnloop.loop.cycle import over_budget
from nnloop.loop.estimates import Estimator, make_estimators
from nnloop.loop.evaluator import Evaluator
from nnloop.loop.prompting import RETRIED, PromptBuilder, batches
from nnloop.loop.selection import SelectionRules
from nnloop.loop.tuning import BEFORE, Tuner
from nnloop.measures import summarise
from nnloop.modes import Mode
from nnloop.parents.pool import PromptSlot
from nnloop.records import Completion, CycleReport, Entry, FinetuneResult, Status
from nnloop.report.live import LivePage
from nnloop.report.progress import Progress
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.settings import LoraSettings, Settings
from nnloop.stop import Interrupted, Stop
from nnloop.tracking import Tracker


@dataclass(slots=True)
class OpenCycle:
    """A cycle that is not closed yet."""

    number: int
    evaluator: Evaluator
    costs: CostTracker
    unanswered: list[Completion] = field(default_factory=list)  # not stored before the cycle's first answer


@dataclass(kw_only=True)
class Search:
    """One run of the loop, over the parts that build.make_search gives it."""

    settings: Settings
    folder: RunFolder
    archive: Archive
    mode: Mode
    rules: SelectionRules
    prompts: PromptBuilder
    load_engine: Callable[[], Engine]  # called when the first completion is needed
    executor: Executor
    tuner: Tuner | None  # None: the LLM stays as it is
    tracker: Tracker
    progress: Progress
    page: LivePage
    stop: Stop
    _engine: Engine | None = field(default=None, init=False)

    def run(self) -> list[CycleReport]:
        """Run the cycles that are not closed yet, while there is budget; return the reports of all.

        Raises Interrupted when a stop is requested; everything up to there is saved.
        """
        reports = self.folder.reports()
        while len(reports) < self.settings.cycles and not over_budget(reports, self.settings.budget):
            reports.append(self.run_cycle(len(reports)))
        return reports

    def run_cycle(self, number: int) -> CycleReport:
        """Generate and evaluate a cycle's candidates, fine-tune on the best, and close the cycle."""
        with CostTracker(self.folder.costs(number)) as costs:
            before = self.warm_up(number)
            costs.record("finetune")
            with self._evaluator(number) as evaluator:
                cycle = OpenCycle(number, evaluator, costs)
                self.explore(cycle)
                self.retry(cycle)
            finetune = self.finetune(number)
            costs.record("finetune")
            return self.close_cycle(number, finetune, costs, before=before)

    def explore(self, cycle: OpenCycle) -> None:
        """Generate batch by batch, each as soon as the results that its prompts use are known."""
        engine = self.engine(cycle.number)
        for batch in batches(self.settings.candidates, self.settings.search.staleness):
            self._wait(cycle, below=batch.visible_results)
            places = [PromptSlot(cycle.number, slot) for slot in batch.slots]
            visible = batch.visible_results
            self.generate(cycle, [self.prompts.build(engine, place, visible_results=visible) for place in places])
        self.drain(cycle)
        self._check_answered(cycle.number)

    def retry(self, cycle: OpenCycle) -> None:
        """Send failed answers back to the LLM, up to settings.retries times, in slots behind those of first answers."""
        slots = range(self.settings.candidates)
        for _ in range(self.settings.retries):
            requests: list[Request] = []
            for entry in self.archive.of_cycle(cycle.number)[slots.start : slots.stop]:
                if entry.status in RETRIED:
                    slot = slots.stop + len(requests)
                    request = self.prompts.retry(self.engine(cycle.number), entry, slot=slot)
                    requests += [request] if request else []
            slots = range(slots.stop, slots.stop + len(requests))
            self.generate(cycle, requests)
            self.drain(cycle)

    def generate(self, cycle: OpenCycle, requests: Sequence[Request]) -> None:
        """Let the LLM answer the requests, and start each answer's trial while it writes the next ones."""
        candidates = self.settings.candidates
        before = max([len(self.archive.of_cycle(cycle.number)), *(request.slot for request in requests[:1])])
        with contextlib.closing(self._complete(cycle, requests)) as completions:
            for written, completion in enumerate(self.stop.until_requested(completions), before + 1):
                cycle.evaluator.submit(completion, self.archive.networks[completion.generation.parent])
                self.progress.generated(min(written, candidates))
                self._show(cycle.evaluator.poll())
                self.progress.running(cycle.evaluator.running())
        cycle.costs.record("generate")

    def drain(self, cycle: OpenCycle) -> None:
        """Wait for all trials that have begun, and archive their results; the LLM may free its memory for them."""
        if self._engine is not None:
            self._engine.offload()
        self.progress.stage("evaluating")
        self._wait(cycle)

    def finetune(self, number: int) -> FinetuneResult | None:
        """Fine-tune the LLM on the pairs so far, for the next cycle; None: nothing was tuned."""
        if self.tuner is None or not self.engine(number).trainable:
            return None
        self.progress.stage("fine-tuning")
        show = partial(self.tracker.finetune_step, number)
        return self.tuner.tune(self.engine(number), self.archive, number, show=show)

    def warm_up(self, number: int) -> FinetuneResult | None:
        """Fine-tune the LLM on the corpus if `number` is the first cycle and finetune.before says so; else None."""
        wanted = number == 0 and isinstance(self.settings.finetune, LoraSettings) and self.settings.finetune.before
        return self.finetune(BEFORE) if wanted else None

    def close_cycle(
        self,
        number: int,
        finetune: FinetuneResult | None,
        costs: CostTracker,
        *,
        before: FinetuneResult | None = None,
    ) -> CycleReport:
        """Sum the cycle up, track it, and write its report last: the report marks the cycle as closed."""
        entries = self.archive.of_cycle(number)
        report = summarise(
            number,
            entries,
            admitted_before=sum(entry.admitted for entry in self.archive.before(number)),
            min_accuracy=self.rules.threshold,
            costs=costs.costs(entries),
            finetune=finetune,
            before=before,
            not_shown=self.prompts.count_hidden(self.engine(number), number),
        )
        self.tracker.cycle(report, entries)
        track_cycle(self.tracker, self.folder, number, entries=self.archive.before(number + 1))
        write_json(self.folder.report(number), report.to_json())
        self.progress.closed(report)
        self.page.write()
        return report

    def engine(self, number: int) -> Engine:
        """Return the LLM; the first call loads it, with the newest adapter of the cycles before `number`."""
        if self._engine is None:
            self.progress.stage("loading the LLM")
            self._engine = self.load_engine()
            if self.tuner is not None and self._engine.trainable:
                self.tuner.check(self._engine)
                self._engine.use_adapter(self.tuner.checked_adapter(number))
        return self._engine

    def close(self) -> None:
        """Free the LLM's memory."""
        if self._engine is not None:
            self._engine.close()

    @contextlib.contextmanager
    def _evaluator(self, number: int) -> Iterator[Evaluator]:
        """Open a cycle's evaluator, with its trials from before a restart; archive finished trials before a stop."""
        archived, candidates = len(self.archive.of_cycle(number)), self.settings.candidates
        self.progress.begin(number, self.settings.cycles, candidates=candidates, done=min(archived, candidates))
        with self.folder.journal(self.folder.trials(number)) as trials, self.stop.grace():
            evaluator = Evaluator(
                archive=self.archive,
                mode=self.mode,
                rules=self.rules,
                estimators=self._estimators(number),
                executor=self.executor,
                make_trial=partial(make_trial, self.settings),
                results=self.folder.read_trials(number),
                trials=trials,
                next_slot=archived,
                answered=archived > 0,
            )
            try:
                yield evaluator
            except Interrupted:
                self._show(evaluator.poll())
                raise

    def _estimators(self, number: int) -> dict[str, Estimator]:
        """Make the estimators of a cycle's networks; none if single trials decide, or nothing tells their noise."""
        if self.settings.selection.estimate == "trial":
            return {}
        return make_estimators(self.archive.corpus, self.archive.before(number))

    def _complete(self, cycle: OpenCycle, requests: Sequence[Request]) -> Generator[Completion, None, None]:
        """Yield completions: the stored ones first, then new ones, each stored before it is used."""
        number = cycle.number
        archived, stored = len(self.archive.of_cycle(number)), self.folder.read_completions(number)
        wanted = [request for request in requests if request.slot >= archived]
        yield from (stored[request.slot] for request in wanted if request.slot in stored)
        missing = [request for request in wanted if request.slot not in stored]
        if missing:
            self.progress.stage("generating")
            with self.folder.journal(self.folder.completions(number)) as journal:
                for completion in self.engine(number).generate(missing, self.progress.wrote):
                    cycle.unanswered.append(completion)
                    if cycle.evaluator.answered or not completion.generation.failure:
                        for one in cycle.unanswered:
                            journal.append(one.line())
                        cycle.unanswered.clear()
                    yield completion

    def _check_answered(self, number: int) -> None:
        """Raise ModelError if a cycle got no answer at all; nothing of it is on the disk, so a restart asks again."""
        entries = self.archive.of_cycle(number)
        if all(entry.status is Status.NO_ANSWER for entry in entries):
            (reason, times), *_ = Counter(entry.reason for entry in entries).most_common(1)
            raise ModelError(
                f"the LLM's server answered none of the {len(entries)} requests of cycle {number + 1}, {times} times"
                f" with: {reason}; the same command asks again"
            )

    def _wait(self, cycle: OpenCycle, below: int | None = None) -> None:
        """Archive results as trials end, until all slots lower than `below` are archived; None: until no trial runs."""
        self._show(cycle.evaluator.poll())
        while cycle.evaluator.is_pending(below):
            self._show(cycle.evaluator.wait(self.stop))
            self.progress.running(cycle.evaluator.running())
        self.stop.obey()
        cycle.costs.record("evaluate")

    def _show(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.page.grown = True
            self.tracker.candidate(entry)
            if entry.retry_of is None:
                self.progress.judged(entry)
        self.page.renew()
