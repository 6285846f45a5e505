"""The closed loop: baselines -> prompts -> completions -> candidates -> trials -> archive -> pairs -> LoRA.

`Search.run` reads as the algorithm. Everything it decides is derived from (run seed, cycle, slot) and the archive, so a
killed run continues with the same command: closed cycles are read back, stored completions and finished trials are used
again, and only what is missing is done.
"""

import logging
import random
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nnloop import cycle as cycles
from nnloop import parents
from nnloop.archive import Archive
from nnloop.errors import SettingsError
from nnloop.jobs.assess import Assessor, Executor, Rules
from nnloop.jobs.tune import Tuner
from nnloop.llm.engine import Engine, Request
from nnloop.meter import Meter
from nnloop.modes import Mode
from nnloop.modes.render import Task
from nnloop.records import Candidate, Completion, CycleReport, Entry, Limits, Network, Trial
from nnloop.report.progress import Progress
from nnloop.rundir import RunDir, journal, write_json
from nnloop.seeding import derive
from nnloop.settings import BudgetSettings, UniformParentsSettings
from nnloop.tracking import Tracker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is searched, and for how long."""

    seed: int
    cycles: int
    candidates: int  # completions per cycle
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
        parent_rule: UniformParentsSettings,
        load_engine: Callable[[], Engine],
        executor: Executor,
        tuner: Tuner | None,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        """`load_engine` is called when the first completion is needed; `tuner` None is the frozen LLM."""
        self.plan, self.run_dir, self.archive, self.mode, self.rules = plan, run, archive, mode, rules
        self.parent_rule, self.executor, self.tuner = parent_rule, executor, tuner
        self.tracker, self.progress = tracker, progress
        self._load_engine = load_engine
        self._engine: Engine | None = None

    def run(self) -> list[CycleReport]:
        """Run the cycles that are not closed yet, while there is budget, and give the reports of all."""
        reports = self.run_dir.reports()
        while len(reports) < self.plan.cycles and not cycles.over_budget(reports, self.plan.budget):
            reports.append(self.run_cycle(len(reports)))
        return reports

    def run_cycle(self, cycle: int) -> CycleReport:
        meter = Meter()
        self.progress.begin(cycle, self.plan.cycles, self.plan.candidates, len(self.archive.of_cycle(cycle)))
        baselines = self.draw_baselines(cycle)
        requests = [self.pose(cycle, slot, baseline) for slot, baseline in enumerate(baselines)]
        self.assess(cycle, baselines, self.complete(cycle, requests), meter)
        tuning = self.tune(cycle)
        meter.lap("finetune")
        return self.close_cycle(cycle, tuning, meter)

    def draw_baselines(self, cycle: int) -> list[Network]:
        """One baseline per slot, from the corpus and the networks selected in earlier cycles."""
        rng = random.Random(derive(self.plan.seed, "baselines", cycle))
        found = [self.archive.networks[str(entry.candidate)] for entry in self.archive.selected(before=cycle)]
        corpus, run = self.showable(cycle, self.archive.corpus), self.showable(cycle, found)
        if not corpus and not run:
            raise SettingsError("llm.context_length: no network of the corpus fits in a prompt")
        return parents.draw(self.parent_rule, corpus, run, self.plan.candidates, rng)

    def showable(self, cycle: int, networks: Sequence[Network]) -> list[Network]:
        """Networks whose prompt fits in the LLM's context; a prompt is never cut."""
        engine = self.engine(cycle)
        fitting = [network for network in networks if engine.fits(self.mode.prompt(network, self.plan.task).text)]
        if len(fitting) < len(networks):
            _log.info("cycle %d: %d networks are too long to be shown", cycle, len(networks) - len(fitting))
        return fitting

    def pose(self, cycle: int, slot: int, baseline: Network) -> Request:
        prompt = self.mode.prompt(baseline, self.plan.task)
        return Request(prompt, baseline.code, cycle, slot, derive(self.plan.seed, "completion", cycle, slot))

    def complete(self, cycle: int, requests: Sequence[Request]) -> Iterator[Completion]:
        """Stream the cycle's completions: the stored ones first, then new ones, each stored before it is used."""
        closed = len(self.archive.of_cycle(cycle))
        stored = self.run_dir.read_completions(cycle)
        yield from (stored[slot] for slot in sorted(stored) if slot >= closed)
        missing = [request for request in requests if request.slot >= closed and request.slot not in stored]
        if missing:
            self.progress.stage("generating")
            with journal(self.run_dir.completions(cycle)) as completions:
                for completion in self.engine(cycle).generate(missing):
                    completions.append(completion.line())
                    yield completion

    def assess(self, cycle: int, baselines: Sequence[Network], completions: Iterator[Completion], meter: Meter) -> None:
        """Put every completion on trial while later ones are still being written, and archive the entries."""
        closed = len(self.archive.of_cycle(cycle))
        with journal(self.run_dir.trials(cycle)) as trials:
            done = self.run_dir.read_trials(cycle)
            assessor = Assessor(
                self.archive, self.mode, self.rules, self.executor, self.plan.trial, done, trials, first_slot=closed
            )
            generated = closed
            for completion in completions:
                assessor.submit(completion, baselines[completion.slot])
                generated += 1
                self.progress.generated(generated)
                self._show(assessor.ready())
            meter.lap("generate")
            self.progress.stage("evaluating")
            self._show(assessor.rest())
            meter.lap("evaluate")

    def tune(self, cycle: int) -> cycles.Tuning:
        """LoRA-tune the LLM on the pairs so far; the next cycle generates with the new adapter."""
        if self.tuner is None or not self.engine(cycle).trainable:
            return cycles.Tuning()
        self.progress.stage("fine-tuning")
        return self.tuner.tune(self.engine(cycle), self.archive, cycle, self.run_dir)

    def close_cycle(self, cycle: int, tuning: cycles.Tuning, meter: Meter) -> CycleReport:
        """Write the cycle's report, last of all, and log it."""
        entries = self.archive.of_cycle(cycle)
        trained = [entry.result for entry in entries if entry.result and entry.status != "duplicate"]
        seconds = {**meter.seconds, "trials": sum(result.seconds for result in trained), "total": meter.total()}
        before = sum(entry.admitted for entry in self.archive.entries if entry.cycle < cycle)
        peak = max([_peak_bytes(), *(result.peak_bytes or 0 for result in trained)])
        report = cycles.summarise(
            cycle,
            entries,
            before,
            self.rules.min_accuracy,
            tuning,
            seconds,
            peak,
            meter.gpu_seconds(),
            meter.joules(),
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
                self._engine.use_adapter(self.tuner.newest(self.run_dir, cycle))
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def _show(self, entries: Iterator[Entry]) -> None:
        for entry in entries:
            self.progress.judged(entry)

    def _track(self, report: CycleReport, entries: Sequence[Entry]) -> None:
        known = {str(entry.candidate) for entry in entries if entry.candidate in self.archive.networks}
        codes = {candidate: self.archive.networks[candidate].code for candidate in known}
        texts = {slot: completion.text for slot, completion in self.run_dir.read_completions(report.cycle).items()}
        self.tracker.cycle(report, entries, codes, texts)
        if self.run_dir.adapter(report.cycle).is_dir():
            self.tracker.artifact("adapter", f"adapter-{report.cycle}", self.run_dir.adapter(report.cycle))


def _peak_bytes() -> int:
    """Peak resident memory of this process; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
