"""The closed loop: baselines -> prompts -> completions -> candidates -> trials -> archive -> pairs -> LoRA.

`Search.run` reads as the algorithm. Everything it decides is derived from (run seed, cycle, slot) and the archive, so a
killed run continues with the same command: closed cycles are read back, stored completions and finished trials are used
again, and only what is missing is done.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from nnloop.executor import Executor
from nnloop.llm.engine import Engine, Request
from nnloop.loop import cycle as cycles
from nnloop.loop.archive import Archive
from nnloop.loop.artifacts import track_adapter
from nnloop.loop.costs import CostTracker
from nnloop.loop.evaluator import Assessor, Rules
from nnloop.loop.prompting import Poser, is_repairable, lots
from nnloop.loop.tuning import Tuner
from nnloop.modes import Mode
from nnloop.modes.render import Task
from nnloop.records import Candidate, Completion, CycleReport, Entry, FinetuneResult, Limits, Trial
from nnloop.report.progress import Progress
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunDir
from nnloop.seeding import derive
from nnloop.settings import BudgetSettings
from nnloop.stop import Interrupted, Stop
from nnloop.tracking import Tracker


@dataclass(frozen=True, slots=True)
class Plan:
    """What is searched, and for how long."""

    seed: int
    cycles: int
    candidates: int  # completions per cycle
    staleness: int | None  # results that a prompt may be behind; None: a whole cycle
    repair: int  # times that a failed completion goes back
    task: Task
    dataset: str
    proxy: str
    epochs: int
    limits: Limits
    budget: BudgetSettings

    def trial(self, candidate: Candidate) -> Trial:
        """The trial of a candidate; its seed depends on the run and the network alone."""
        return Trial(
            candidate, self.dataset, self.proxy, self.epochs, derive(self.seed, "trial", candidate.id), self.limits
        )


class Search:
    """One run of the loop, over collaborators that build.py made."""

    def __init__(
        self,
        plan: Plan,
        run: RunDir,
        archive: Archive,
        mode: Mode,
        rules: Rules,
        poser: Poser,
        load_engine: Callable[[], Engine],
        executor: Executor,
        tuner: Tuner | None,
        tracker: Tracker,
        progress: Progress,
        stop: Stop,
    ) -> None:
        """`load_engine` is called when the first completion is needed; `tuner` None is the frozen LLM."""
        self.plan, self.run_dir, self.archive, self.mode, self.rules = plan, run, archive, mode, rules
        self.poser, self.executor, self.tuner = poser, executor, tuner
        self.tracker, self.progress, self.stop = tracker, progress, stop
        self._load_engine = load_engine
        self._engine: Engine | None = None

    def run(self) -> list[CycleReport]:
        """Run the cycles that are not closed yet, while there is budget, and give the reports of all."""
        reports = self.run_dir.reports()
        while len(reports) < self.plan.cycles and not cycles.over_budget(reports, self.plan.budget):
            reports.append(self.run_cycle(len(reports)))
        return reports

    def run_cycle(self, cycle: int) -> CycleReport:
        costs = CostTracker()
        closed = len(self.archive.of_cycle(cycle))
        self.progress.begin(cycle, self.plan.cycles, self.plan.candidates, min(closed, self.plan.candidates))
        with self.run_dir.journal(self.run_dir.trials(cycle)) as trials, self.stop.grace():
            done = self.run_dir.read_trials(cycle)
            assessor = Assessor(
                self.archive, self.mode, self.rules, self.executor, self.plan.trial, done, trials, first_slot=closed
            )
            try:
                self.explore(cycle, assessor, costs)
                self.repair(cycle, assessor, costs)
            except Interrupted:
                self._show(assessor.ready())
                raise
        finetune = self.tune(cycle)
        costs.record("finetune")
        return self.close_cycle(cycle, finetune, costs)

    def explore(self, cycle: int, assessor: Assessor, costs: CostTracker) -> None:
        """Ask lot by lot, each as soon as the results that its prompts are to know of are there."""
        engine = self.engine(cycle)
        for lot in lots(self.plan.candidates, self.plan.staleness):
            self._show(assessor.until(lot.sees, self.stop))
            self.stop.obey()
            costs.record("evaluate")
            self.ask(cycle, [self.poser.pose(engine, cycle, slot, lot.sees) for slot in lot.slots], assessor, costs)
        self.finish(assessor, costs)

    def repair(self, cycle: int, assessor: Assessor, costs: CostTracker) -> None:
        """Send what failed before training back to the LLM, up to `plan.repair` times, in slots of their own."""
        slots = range(self.plan.candidates)
        for _ in range(self.plan.repair):
            asked = [entry for entry in self.archive.of_cycle(cycle)[slots.start : slots.stop] if is_repairable(entry)]
            requests: list[Request] = []
            for entry in asked:
                request = self.poser.repair(self.engine(cycle), slots.stop + len(requests), entry)
                requests += [request] if request else []
            slots = range(slots.stop, slots.stop + len(requests))
            self.ask(cycle, requests, assessor, costs)
            self.finish(assessor, costs)

    def ask(self, cycle: int, requests: Sequence[Request], assessor: Assessor, costs: CostTracker) -> None:
        """Put every completion on trial while later ones are still being written."""
        begun = max([len(self.archive.of_cycle(cycle)), *(request.slot for request in requests[:1])])
        with contextlib.closing(self.complete(cycle, requests)) as completions:
            for generated, completion in enumerate(self.stop.until_requested(completions), begun + 1):
                assessor.submit(completion, self.archive.networks[completion.generation.parent])
                self.progress.generated(min(generated, self.plan.candidates))
                self._show(assessor.ready())
        costs.record("generate")

    def complete(self, cycle: int, requests: Sequence[Request]) -> Generator[Completion, None, None]:
        """Stream completions: the stored ones first, then new ones, each stored before it is used."""
        closed = len(self.archive.of_cycle(cycle))
        stored = self.run_dir.read_completions(cycle)
        wanted = [request for request in requests if request.slot >= closed]
        yield from (stored[request.slot] for request in wanted if request.slot in stored)
        missing = [request for request in wanted if request.slot not in stored]
        if missing:
            self.progress.stage("generating")
            with self.run_dir.journal(self.run_dir.completions(cycle)) as completions:
                for completion in self.engine(cycle).generate(missing):
                    completions.append(completion.line())
                    yield completion

    def finish(self, assessor: Assessor, costs: CostTracker) -> None:
        """Wait for all trials that have begun."""
        if self._engine is not None:
            self._engine.offload()
        self.progress.stage("evaluating")
        self._show(assessor.rest(self.stop))
        self.stop.obey()
        costs.record("evaluate")

    def tune(self, cycle: int) -> FinetuneResult | None:
        """LoRA-tune the LLM on the pairs so far; the next cycle generates with the new adapter."""
        if self.tuner is None or not self.engine(cycle).trainable:
            return None
        self.progress.stage("fine-tuning")
        return self.tuner.tune(self.engine(cycle), self.archive, cycle, self.run_dir)

    def close_cycle(self, cycle: int, finetune: FinetuneResult | None, costs: CostTracker) -> CycleReport:
        """Write the cycle's report, last of all, and log it."""
        entries = self.archive.of_cycle(cycle)
        report = cycles.summarise(
            cycle,
            entries,
            admitted_before=sum(entry.admitted for entry in self.archive.entries if entry.cycle < cycle),
            min_accuracy=self.rules.min_accuracy,
            costs=costs.costs(entries),
            finetune=finetune,
        )
        self._track(report, entries)
        write_json(self.run_dir.report(cycle), report.to_json())
        self.progress.closed(report)
        return report

    def engine(self, cycle: int) -> Engine:
        """The LLM with the newest adapter that an earlier cycle made."""
        if self._engine is None:
            self.progress.stage("loading the LLM")
            self._engine = self._load_engine()
            if self.tuner is not None and self._engine.trainable:
                self.tuner.check(self._engine)
                self._engine.use_adapter(self.tuner.whole(self.run_dir, cycle))
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def _show(self, entries: Iterator[Entry]) -> None:
        for entry in entries:
            if entry.retry_of is None:
                self.progress.judged(entry)

    def _track(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        known = {str(entry.candidate) for entry in entries if entry.candidate in self.archive.networks}
        codes = {candidate: self.archive.networks[candidate].code for candidate in known}
        texts = {slot: completion.text for slot, completion in self.run_dir.read_completions(report.cycle).items()}
        self.tracker.cycle(report, entries, codes, texts)
        track_adapter(self.tracker, self.run_dir, report.cycle)
