"""The composition root: makes the objects that the settings name, passes them to each other, and runs the job."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import TextIO

from nnloop import corpus, data, llm, novelty, report, tracking
from nnloop.corpus import adopted, lemur, network_files, variants
from nnloop.corpus.trim import trim
from nnloop.data.prepared import cache_home
from nnloop.errors import RuleError
from nnloop.executor import Executor
from nnloop.executor.factory import make_executor
from nnloop.jobs import adopt, dashboard, evaluate, export, memory, prepare, pretrain, prompt, validate
from nnloop.jobs import incumbent as incumbent_job
from nnloop.jobs import report as report_job
from nnloop.llm.engine import Engine
from nnloop.llm.weights import weights_digest
from nnloop.loop.archive import Archive
from nnloop.loop.artifacts import media, outcome, track_run
from nnloop.loop.corpus_trials import CorpusConditions, CorpusShare, JudgedCorpus, judge_corpora
from nnloop.loop.costs import find_gpus
from nnloop.loop.cycle import over_budget
from nnloop.loop.estimates import estimate_corpus
from nnloop.loop.prompting import PromptBuilder
from nnloop.loop.race import is_due, measure_incumbent
from nnloop.loop.search import Search
from nnloop.loop.selection import SelectionRules
from nnloop.loop.tuning import Tuner
from nnloop.measures import median_accuracy
from nnloop.modes import Mode, static_guard
from nnloop.modes.make import make_mode, make_task
from nnloop.modes.render import Task
from nnloop.parents import make_rule, sample
from nnloop.parents.user_rule import OwnRule, ParentsRule
from nnloop.pareto import Tradeoff
from nnloop.printable import PrintableStream
from nnloop.records import Network
from nnloop.report.live import LivePage, NoPage
from nnloop.report.measures.read import Run, read
from nnloop.report.progress import Progress
from nnloop.report.terminal import summary
from nnloop.runs import state
from nnloop.runs.digest import digest
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.runs.fork import fork, source_of
from nnloop.runs.live_state import LiveFile
from nnloop.runs.rule_record import record_failure, record_rule
from nnloop.runs.state import Stage
from nnloop.settings import (
    AdoptedCorpusSettings,
    DeltaSettings,
    EmptyCorpusSettings,
    FolderCorpusSettings,
    HfLlmSettings,
    LemurCorpusSettings,
    LemurProxySettings,
    LoraSettings,
    OpenAiLlmSettings,
    SeedCorpusSettings,
    Settings,
)
from nnloop.settings.idle import reads_dataset
from nnloop.settings.members import members, only
from nnloop.stop import Stop
from nnloop.tracking import NoTracker, Tracker

_log = logging.getLogger(__name__)


def run(
    settings: Settings,
    folder: Path,
    overrides: Sequence[str] = (),
    *,
    out: TextIO | None = None,
    owns_process: bool = True,
) -> None:
    """Run the job that the settings name; `folder` is the job's own folder, below outputs/.

    `overrides` are those of the command line, which a search records. The job prints to `out`; None: stdout.
    `owns_process` False: a second Ctrl-C ends the search and not the process.
    """
    jobs: dict[str, Callable[[Settings, Path, TextIO], None]] = {
        "search": partial(_search, overrides=overrides, owns_process=owns_process),
        "evaluate": evaluate.run,
        "validate": validate.run,
        "incumbent": incumbent_job.run,
        "report": report_job.run,
        "memory": memory.run,
        "prompt": prompt.run,
        "pretrain": pretrain.run,
        "prepare": prepare.run,
        "dashboard": dashboard.run,
        "export": export.run,
        "adopt": adopt.run,
        "watch": watch,
    }
    if reads_dataset(settings.job.name):
        settings = replace(settings, dataset=data.complete_all(settings.dataset))
    jobs[settings.job.name](settings, folder, PrintableStream(out or sys.stdout))


def watch(settings: Settings, folder: Path, out: TextIO) -> None:
    """Run job=watch, whose server is imported for it alone."""
    from nnloop.jobs import watch as watch_job

    watch_job.run(settings, folder, out)


def _search(settings: Settings, folder: Path, out: TextIO, *, overrides: Sequence[str], owns_process: bool) -> None:
    """Run the missing cycles of a search, write its page and the index of runs, and print the summary."""
    run = RunFolder(folder)
    with Stop(settings.executor.grace_s, owns_process=owns_process) as stop, run.lock():
        if settings.resume != "continue":
            fork(RunFolder(source_of(settings.resume, folder)), run, settings, overrides=overrides)
        run.open(settings, overrides)
        ended = None if _is_open(settings, run) else read(run.path)
        if ended is None or is_due(ended, settings.incumbent.share):
            with report.LivePage(run) as page:
                finished = _run_search(settings, run, page=page, stop=stop)
        else:
            finished = _report(settings, run)
    stopped = over_budget(finished.reports, settings.budget) if len(finished.reports) < settings.cycles else None
    if stopped:
        print(f"stopped: {stopped}", file=out)
    print(summary(finished), file=out)


def _is_open(settings: Settings, run: RunFolder) -> bool:
    """Tell whether cycles are missing, and there is budget for another one."""
    reports = run.reports()
    return len(reports) < settings.cycles and not over_budget(reports, settings.budget)


def _run_search(settings: Settings, run: RunFolder, *, page: LivePage, stop: Stop) -> Run:
    """Run the missing cycles and measure the incumbent; report the finished run, hand it to the tracker, return it."""
    mode, rule = make_mode(settings), make_rule(settings.parents)
    if isinstance(settings.corpus, LemurCorpusSettings):
        lemur.source(settings.corpus)  # before a model or a dataset is fetched
    run.record_prompts(mode.templates.of(mode.form))
    if isinstance(rule, OwnRule):
        record_rule(run, rule.source)
    run.record_dtype(llm.check(settings.llm, settings.finetune))
    dataset = data.load_all(settings.dataset)
    run.save_dataset(dataset.facts())
    run_digest = digest(settings, dataset.fingerprint, weights_digest(settings.llm))
    run.record_digest(run_digest)
    tracker = tracking.build(settings.tracker, gpus=len(find_gpus()))
    with contextlib.ExitStack() as stack:
        executor = make_executor(settings, dataset, run.path)
        stack.enter_context(executor)
        tracker.start(run, group=settings.name, settings=asdict(settings))
        stack.push(lambda kind, *_: tracker.finish({}, failed=True) if kind else None)
        progress = stack.enter_context(Progress(record=LiveFile(run.live).write))
        if _is_open(settings, run):
            shares = corpus_shares(settings, dataset)
            _run_cycles(
                settings,
                run,
                shares,
                rule=rule,
                executor=executor,
                tracker=tracker,
                progress=progress,
                page=page,
                stop=stop,
            )
        _measure(settings, run, executor, progress=progress)
    finished = _report(settings, run)
    track_run(tracker, run)
    tracker.finish(outcome(finished), media(finished))
    return finished


def corpus_shares(settings: Settings, dataset: data.Dataset | data.DatasetPool) -> list[CorpusShare]:
    """Return the corpus networks of each dataset whose prompts a search writes, and how they are judged."""
    shares: list[CorpusShare] = []
    for name, of_one in members(settings).items():
        images = dataset.sets[name] if isinstance(dataset, data.DatasetPool) else dataset
        of_dataset = digest(of_one, images.fingerprint, None)
        conditions = CorpusConditions(of_one, of_dataset, images=len(images.train_y))
        shares.append(CorpusShare(make_corpus(of_one), conditions, conditions.cache_file(cache_home()), dataset=name))
    return shares


def _run_cycles(
    settings: Settings,
    run: RunFolder,
    shares: Sequence[CorpusShare],
    *,
    rule: ParentsRule,
    executor: Executor,
    tracker: Tracker,
    progress: Progress,
    page: LivePage,
    stop: Stop,
) -> None:
    load_engine = cache(lambda: load_llm(settings))
    judged = judge_corpora(
        shares,
        executor=executor,
        folder=run,
        show=partial(progress.trials, "corpus"),
        meanwhile=load_engine,
    )
    with make_search(
        settings,
        run,
        executor=executor,
        corpus=judged,
        rule=rule,
        load_engine=load_engine,
        tracker=tracker,
        progress=progress,
        page=page,
        stop=stop,
    ) as search:
        try:
            search.run()
        except RuleError as error:
            record_failure(run, str(error))
            raise


def _measure(settings: Settings, run: RunFolder, executor: Executor, *, progress: Progress) -> None:
    """Measure the incumbent of a run whose search has ended."""
    ended = read(run.path)
    if is_due(ended, settings.incumbent.share):
        show = partial(progress.trials, "incumbent")
        incumbent = measure_incumbent(ended, settings, executor, trials=run.incumbent_trials, show=show)
        if incumbent is not None:
            write_json(run.incumbent, incumbent.to_json())


@contextlib.contextmanager
def make_search(
    settings: Settings,
    run: RunFolder,
    *,
    executor: Executor,
    corpus: JudgedCorpus,
    stop: Stop,
    rule: ParentsRule | None = None,
    load_engine: Callable[[], Engine] | None = None,
    tracker: Tracker | None = None,
    progress: Progress | None = None,
    page: LivePage | None = None,
) -> Iterator[Search]:
    """Make a search in a run folder that is open and locked; close its archive and its LLM afterwards.

    `corpus` comes from `judge_corpus`. `rule` None: the one of settings.parents. `load_engine` None: the LLM is loaded
    by its settings. `tracker` None: nothing is tracked. `progress` None: nothing is displayed. `page` None: no
    page is written while it runs.
    """
    mode, task = make_mode(settings), make_task(settings)
    rules = make_rules(settings, corpus)
    rule = rule or make_rule(settings.parents)
    if rules.tradeoff is not None and not isinstance(rule, OwnRule):
        rule = partial(sample, settings.parents, tradeoff=rules.tradeoff)
    if settings.selection.estimate == "shrunken":
        estimated = estimate_corpus([network for network, _ in corpus])
        corpus = list(zip(estimated, (result for _, result in corpus), strict=True))
    with contextlib.closing(Archive(run, novelty.build(settings.novelty), corpus, datasets=task.of)) as archive:
        search = Search(
            settings=settings,
            folder=run,
            archive=archive,
            mode=mode,
            rules=rules,
            prompts=PromptBuilder(
                settings=settings,
                task=task,
                mode=mode,
                rule=rule,
                folder=run,
                archive=archive,
            ),
            load_engine=load_engine or (lambda: load_llm(settings)),
            executor=executor,
            tuner=make_tuner(settings, mode=mode, task=task, folder=run),
            tracker=tracker or NoTracker(),
            progress=progress or Progress(live=False),
            page=page or NoPage(run),
            stop=stop,
        )
        with contextlib.closing(search):
            yield search


def _report(settings: Settings, run: RunFolder) -> Run:
    """Write the page of a run that has finished, its summary if the settings want one, and the index of runs."""
    state.end(run, Stage.FINISHED)
    finished = read(run.path)
    report.write_run_page(finished)
    report_job.save_summary(finished, settings.summaries)
    report.write_index(finished.path.parent)
    return finished


def load_llm(settings: Settings) -> Engine:
    """Load the LLM that the settings name."""
    return llm.load(settings.llm, settings.mode.name, settings.candidates)


def make_rules(settings: Settings, corpus: JudgedCorpus) -> SelectionRules:
    """Make the rules of admission and selection, with each dataset's threshold: a setting, or its corpus's median."""
    least = {name: _threshold(of_one, name, corpus) for name, of_one in members(settings).items()}
    own = {name: accuracy for name, accuracy in least.items() if name}
    first, cost = next(iter(least.values())), settings.search.pareto
    tradeoff = None if cost == "none" else Tradeoff(cost, first)
    return SelectionRules(first, settings.selection.rule, of=own, tradeoff=tradeoff)


def _threshold(settings: Settings, dataset: str, corpus: JudgedCorpus) -> float:
    if settings.admission.min_accuracy is not None:
        return settings.admission.min_accuracy
    measured = median_accuracy(network for network, _ in corpus if network.dataset == dataset) or 0.0
    _log.info("admission.min_accuracy: %.1f %%, the median of the corpus", 100 * measured)
    return measured


def make_corpus(settings: Settings) -> list[Network]:
    """Read the corpus that the settings name, at most corpus.limit networks of it, and its variants if they teach.

    Parts that the protocol does not run are left out; job=export adds such parts.
    """
    if isinstance(settings.corpus, EmptyCorpusSettings):
        return []
    if isinstance(settings.corpus, LemurCorpusSettings):
        dataset = only(settings)
        least = settings.corpus.min_accuracy
        chosen_by = replace(settings.corpus, min_accuracy=dataset.min_accuracy if least is None else least)
        networks = lemur.load(chosen_by, dataset.name, cache_home() / "corpus")
    elif isinstance(settings.corpus, AdoptedCorpusSettings):
        networks = adopted.load(settings.corpus.path)
    elif isinstance(settings.corpus, FolderCorpusSettings):
        networks = network_files.load(settings.corpus.path, static_guard.identify)
    else:
        networks = corpus.seeds()
    chosen = corpus.sample([network for network in networks if network.variant_of is None], settings.corpus.limit)
    if _learns_corpus_deltas(settings):
        ids = {network.id for network in chosen}
        chosen += [network for network in networks if network.variant_of in ids]
        if isinstance(settings.corpus, SeedCorpusSettings):
            chosen += variants.edited(chosen, settings.corpus.variants)
    return chosen if isinstance(settings.proxy, LemurProxySettings) else trim(chosen)


def _learns_corpus_deltas(settings: Settings) -> bool:
    llm, tuning = settings.llm, settings.finetune
    trainable = isinstance(llm, HfLlmSettings) or (isinstance(llm, OpenAiLlmSettings) and llm.weights is not None)
    wanted = isinstance(tuning, LoraSettings) and tuning.corpus_pairs > 0 and tuning.source != "run"
    return trainable and wanted and isinstance(settings.mode, DeltaSettings)


def make_tuner(settings: Settings, *, mode: Mode, task: Task, folder: RunFolder) -> Tuner | None:
    """Make the fine-tune; None if the LLM stays as it is."""
    if isinstance(settings.finetune, LoraSettings):
        return Tuner(settings=settings.finetune, mode=mode, task=task, seed=settings.seed, folder=folder)
    return None
