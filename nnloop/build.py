"""The composition root: settings -> objects -> job. The only place that branches on the names of options."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from nnloop import corpus, data, llm, novelty, report, tracking
from nnloop.corpus import adopted, lemur
from nnloop.data.prepared import cache_home
from nnloop.executor.local import LocalExecutor
from nnloop.executor.slurm import SlurmExecutor
from nnloop.jobs import adopt, dashboard, evaluate, export, memory, prepare, pretrain, validate
from nnloop.jobs import report as report_job
from nnloop.llm.weights import weights_digest
from nnloop.loop.archive import Archive
from nnloop.loop.artifacts import track_run
from nnloop.loop.corpus_trials import judge_corpus, shelf_path
from nnloop.loop.cycle import over_budget
from nnloop.loop.evaluator import Rules
from nnloop.loop.prompting import Poser
from nnloop.loop.search import Plan, Search
from nnloop.loop.tuning import Tuner
from nnloop.modes import Mode
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.modes.render import Task
from nnloop.records import CycleReport, Limits, Network
from nnloop.report.measures.read import read
from nnloop.runs.digest import digest
from nnloop.runs.folder import RunDir
from nnloop.runs.fork import fork, source_of
from nnloop.settings import (
    AdoptedCorpusSettings,
    FullSettings,
    LemurCorpusSettings,
    LocalExecutorSettings,
    LoraSettings,
    Settings,
    SlurmExecutorSettings,
    ValidateJobSettings,
)
from nnloop.stop import Stop


def run(settings: Settings, folder: Path) -> None:
    """Run the job that the settings name; `folder` is its own, below outputs/."""
    jobs: dict[str, Callable[[Settings, Path, TextIO], None]] = {
        "search": _search,
        "evaluate": _evaluate,
        "validate": _validate,
        "report": report_job.run,
        "memory": memory.run,
        "pretrain": pretrain.run,
        "prepare": prepare.run,
        "dashboard": dashboard.run,
        "export": export.run,
        "adopt": adopt.run,
    }
    jobs[settings.job.name](settings, folder, sys.stdout)


def _search(settings: Settings, folder: Path, out: TextIO) -> None:
    run_dir = RunDir(folder)
    with Stop(settings.executor.grace_s) as stop, run_dir.lock():
        if settings.resume != "continue":
            fork(RunDir(source_of(settings.resume, folder)), run_dir, settings)
        run_dir.open(settings)
        reports = run_dir.reports()
        if len(reports) < settings.cycles and not over_budget(reports, settings.budget):
            reports = _search_on(settings, run_dir, stop)
    stopped = over_budget(reports, settings.budget) if len(reports) < settings.cycles else None
    _finish(reports, run_dir, stopped, settings.summaries)


def _search_on(settings: Settings, run_dir: RunDir, stop: Stop) -> list[CycleReport]:
    """Run what is missing of a search."""
    from nnloop.report.progress import Progress

    dataset = data.load(settings.dataset)
    run_dir.save_dataset(dataset.facts())
    run_dir.record_digest(digest(settings, dataset.fingerprint, weights_digest(settings.llm)))
    task, mode = make_task(settings), make_mode(settings)
    plan = make_plan(settings, task)
    tracker = tracking.build(settings.tracker)
    with contextlib.ExitStack() as stack:
        executor = make_executor(settings, dataset, run_dir.path)
        stack.enter_context(executor)
        tracker.start(run_dir.path.name, settings.name, run_dir.path, asdict(settings), run_dir.provenance())
        stack.push(lambda kind, *_: tracker.finish({}, failed=True) if kind else None)
        shelf = shelf_path(cache_home(), dataset.fingerprint, settings.dataset, settings.proxy)
        judged = judge_corpus(make_corpus(settings), executor, plan.trial, run_dir, shelf)
        archive = Archive(run_dir, novelty.build(settings.novelty), judged)
        stack.callback(archive.close)
        search = Search(
            plan,
            run_dir,
            archive,
            mode,
            Rules(settings.admission.min_accuracy, settings.selection.rule, settings.mode.name),
            Poser(settings.seed, task, mode, run_dir, archive, settings.parents, settings.context),
            lambda: llm.load(settings.llm, settings.mode.name, settings.candidates),
            executor,
            make_tuner(settings, mode, task),
            tracker,
            stack.enter_context(Progress()),
            stop,
        )
        stack.callback(search.close)
        reports = search.run()
    report.write_run_page(read(run_dir.path))
    track_run(tracker, run_dir)
    tracker.finish({"admitted": reports[-1].counts.admitted_total, "cycles": len(reports)})
    return reports


def _finish(reports: list[CycleReport], run_dir: RunDir, stopped: str | None, summaries: str | None) -> None:
    """Print what came out and what stopped the run early, and renew the overview of all runs of this name.

    `summaries` is the folder in which the run's summary is wanted.
    """
    from nnloop.report.terminal import summary

    found = read(run_dir.path)
    report.write_run_page(found)
    report_job.keep_summary(found, summaries)
    runs = sorted(meta.parent for meta in run_dir.path.parent.glob("*/run.json"))
    report.write_overview(runs, run_dir.path.parent / "report.html")
    if stopped:
        print(f"stopped: {stopped}")
    print(summary(found))


def _evaluate(settings: Settings, folder: Path, out: TextIO) -> None:
    sources = evaluate.read(settings.candidate or "")
    plan = make_plan(settings, make_task(settings))
    with make_executor(settings, data.load(settings.dataset), folder) as executor:
        evaluate.run(sources, plan.trial, executor, out)


def _validate(settings: Settings, folder: Path, out: TextIO) -> None:
    assert isinstance(settings.job, ValidateJobSettings)
    dataset = data.load(settings.dataset)
    with make_executor(settings, dataset, folder) as executor:
        validate.run(settings, settings.job.networks, settings.job.rule, executor, folder, out)


def make_corpus(settings: Settings) -> list[Network]:
    if isinstance(settings.corpus, LemurCorpusSettings):
        return lemur.load(settings.corpus, settings.dataset.name, cache_home() / "corpus")
    if isinstance(settings.corpus, AdoptedCorpusSettings):
        return adopted.load(settings.corpus.path)
    return corpus.seeds()


def make_task(settings: Settings) -> Task:
    dataset = settings.dataset
    return Task(
        dataset.title,
        dataset.description,
        dataset.classes,
        dataset.channels,
        dataset.size,
        settings.mode.max_params,
    )


def make_mode(settings: Settings) -> Mode:
    if isinstance(settings.mode, FullSettings):
        return Full(salvage=settings.mode.salvage)
    return Delta(
        settings.llm.diff_context,
        settings.llm.diff_line_numbers,
        edit_format=settings.mode.edit_format,
        salvage=settings.mode.salvage,
    )


def make_executor(settings: Settings, dataset: data.Dataset, folder: Path) -> LocalExecutor | SlurmExecutor:
    """Build what judges trials; a job's own `folder` takes what goes to and fro between cluster nodes."""
    if isinstance(settings.executor, SlurmExecutorSettings):
        return SlurmExecutor(settings.executor, folder, partial(_on_node, settings))
    return LocalExecutor(
        dataset,
        dataset_settings=settings.dataset,
        proxy=settings.proxy,
        sandbox=settings.sandbox,
        settings=settings.executor,
        max_params=settings.mode.max_params,
    )


def _on_node(settings: Settings) -> LocalExecutor:
    """Build a cluster node's own executor, there: one trial at a time, the second chance included."""
    chosen = settings.executor
    here = LocalExecutorSettings("local", 1, chosen.wall_s, chosen.memory_gb, 1, chosen.grace_s)
    executor = make_executor(replace(settings, executor=here), data.load(settings.dataset), Path())
    assert isinstance(executor, LocalExecutor)
    return executor


def make_tuner(settings: Settings, mode: Mode, task: Task) -> Tuner | None:
    if isinstance(settings.finetune, LoraSettings):
        return Tuner(settings.finetune, mode, task, settings.seed)
    return None


def make_plan(settings: Settings, task: Task) -> Plan:
    limits = Limits(settings.executor.wall_s, int(settings.executor.memory_gb * 2**30))
    return Plan(
        settings.seed,
        settings.cycles,
        settings.candidates,
        settings.search.staleness,
        settings.retries,
        task,
        settings.dataset.name,
        settings.proxy.name,
        settings.proxy.epochs,
        limits,
        settings.budget,
    )
