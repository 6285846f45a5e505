"""A search over results that are known beforehand, on a real folder: for tests of what a cut leaves."""

from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from nnloop import build, corpus
from nnloop.loop.corpus_trials import CorpusConditions, judge_corpus
from nnloop.records import Status, Trial, TrialResult
from nnloop.runs.digest import Digest
from nnloop.runs.folder import RunFolder
from nnloop.seeding import derive
from nnloop.settings import Settings
from nnloop.stop import Stop


class Oracle:
    """An executor that knows every result beforehand, and counts who asks."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def submit(self, trial: Trial) -> Future[TrialResult]:
        future: Future[TrialResult] = Future()
        accuracy = derive(trial.candidate.id, trial.seed) / 2**31
        future.set_result(
            TrialResult(
                Status.OK,
                val_accuracy=accuracy,
                test_accuracy=accuracy,
                params=10,
                flops=20,
                train_loss=0.5,
                seconds=1.0,
                peak_bytes=1000,
                sandbox="none",
            )
        )
        self.asked[trial.candidate.id] += 1
        return future


def search(settings: Settings, folder: Path, executor: Any, grace_s: float = 1.0) -> None:
    """Run a search over the first three networks of the corpus, or the missing part of it."""
    run = RunFolder(folder)
    run.open(settings)
    with Stop(grace_s) as stop, run.lock():
        judged = judge_corpus(
            corpus.seeds()[:3],
            CorpusConditions(settings, Digest("protocol", "training", None), images=2_000),
            executor=executor,
            folder=run,
            cache=folder.parent / "trials.jsonl",
        )
        with build.make_search(settings, run, executor=executor, corpus=judged, stop=stop) as one:
            one.run()


def timeless(folder: Path) -> list[dict[str, Any]]:
    rows = [entry.to_json() for entry in RunFolder(folder).entries()]
    return [row | {"generation": row["generation"] | {"seconds": 0.0}} for row in rows]
