"""A search over results that are known beforehand, on a real folder: for tests of what a cut leaves."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from nnloop import build, corpus, llm, novelty
from nnloop.loop.archive import Archive
from nnloop.loop.corpus_trials import judge_corpus
from nnloop.loop.evaluator import Rules
from nnloop.loop.prompting import Poser
from nnloop.loop.search import Search
from nnloop.records import Status, Trial, TrialResult
from nnloop.report.progress import Progress
from nnloop.runs.folder import RunDir
from nnloop.seeding import derive
from nnloop.settings import Settings
from nnloop.stop import Stop
from nnloop.tracking import NoTracker


class Oracle:
    """An executor that knows every result beforehand, and counts who asks."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def submit(self, trial: Trial) -> Future[TrialResult]:
        future: Future[TrialResult] = Future()
        accuracy = derive(trial.candidate.id, trial.seed) / 2**31
        future.set_result(TrialResult(Status.OK, "", accuracy, accuracy, 10, 20, 0.5, 1.0, 1000, "none"))
        self.asked[trial.candidate.id] += 1
        return future


@contextmanager
def opened(settings: Settings, folder: Path, executor: Any, grace_s: float) -> Iterator[Search]:
    """A search over the first three networks of the corpus, as build.py makes it."""
    run = RunDir(folder)
    run.open(settings)
    task, mode = build.make_task(settings), build.make_mode(settings)
    plan = build.make_plan(settings, task)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop(grace_s))
        stack.enter_context(run.lock())
        judged = judge_corpus(corpus.seeds()[:3], executor, plan.trial, run, folder.parent / "shelf.jsonl")
        archive = Archive(run, novelty.build(settings.novelty), judged)
        stack.callback(archive.close)
        rules = Rules(0.5, "better", "delta")
        poser = Poser(settings.seed, task, mode, run, archive, settings.parents, settings.context)
        parts = (run, archive, mode, rules, poser)
        load = lambda: llm.load(settings.llm, "delta", settings.candidates)  # noqa: E731
        yield Search(plan, *parts, load, executor, None, NoTracker(), Progress(live=False), stop)


def search(settings: Settings, folder: Path, executor: Any, grace_s: float = 1.0) -> None:
    with opened(settings, folder, executor, grace_s) as opened_search:
        opened_search.run()


def timeless(folder: Path) -> list[dict[str, Any]]:
    rows = [entry.to_json() for entry in RunDir(folder).entries()]
    return [row | {"generation": row["generation"] | {"seconds": 0.0}} for row in rows]
