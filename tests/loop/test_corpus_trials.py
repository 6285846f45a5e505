"""Trials of the corpus: each network is trained once a protocol, and a failed one is known and never shown."""

import logging
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest

from nnloop import corpus
from nnloop.executor import make_trial
from nnloop.loop.corpus_trials import JudgedCorpus, judge_corpus, trial_cache_path
from nnloop.records import Status, Trial, TrialResult
from nnloop.runs.digest import digest
from nnloop.runs.folder import RunFolder

NETWORKS = corpus.seeds()[:3]


class Judge:
    """An executor that remembers what it trained; the network named in `slow` runs out of time."""

    def __init__(self, slow: str = "") -> None:
        self.slow = slow
        self.trained: list[str] = []

    def submit(self, trial: Trial) -> Future[TrialResult]:
        self.trained.append(trial.candidate.id)
        future: Future[TrialResult] = Future()
        timed_out = trial.candidate.id == self.slow
        future.set_result(
            TrialResult(Status.TIMEOUT) if timed_out else TrialResult(Status.OK, val_accuracy=0.5, params=7)
        )
        return future


def judged(configure, folder: Path, judge: Judge) -> JudgedCorpus:
    folder.mkdir(exist_ok=True)
    make = partial(make_trial, configure("dataset=digits"))
    cache = folder.parent / "cache" / "trials.jsonl"
    return judge_corpus(NETWORKS, executor=judge, make_trial=make, folder=RunFolder(folder), cache=cache)


def test_every_network_gets_the_accuracy_and_size_that_its_trial_showed(configure, tmp_path: Path) -> None:
    networks = [network for network, _ in judged(configure, tmp_path / "run", Judge())]
    assert [(one.id, one.val_accuracy, one.params) for one in networks] == [(one.id, 0.5, 7) for one in NETWORKS]


def test_a_second_run_trains_only_what_was_not_repeatable(configure, tmp_path: Path) -> None:
    slow = NETWORKS[1].id
    first, second = Judge(slow), Judge()
    judged(configure, tmp_path / "first", first)
    judged(configure, tmp_path / "second", second)
    assert (first.trained, second.trained) == ([one.id for one in NETWORKS], [slow])


def test_a_run_reads_the_trials_that_it_has(configure, tmp_path: Path) -> None:
    before = judged(configure, tmp_path / "run", Judge())
    (tmp_path / "cache" / "trials.jsonl").unlink()
    again = Judge()
    assert judged(configure, tmp_path / "run", again) == before
    assert again.trained == []


def test_a_network_that_failed_has_no_accuracy_and_is_named(
    configure, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        network, result = judged(configure, tmp_path / "run", Judge(NETWORKS[1].id))[1]
    assert (network.val_accuracy, result.status) == (None, Status.TIMEOUT)
    assert f"corpus network {network.name} is not shown: timeout" in caplog.text


def test_the_corpus_is_judged_anew_where_its_images_are_fed_otherwise(configure, tmp_path: Path) -> None:
    others = ("seed=1", "dataset.flip=true", "dataset.crop_pad=0", "dataset.mean=[0.5]")
    chosen = [digest(configure("dataset=digits", other), "same images", None) for other in others]
    assert len({trial_cache_path(tmp_path, one) for one in chosen}) == 4
