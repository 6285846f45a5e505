"""Trials of the corpus: the same in every run under the same conditions; a failed network is known and never shown."""

import logging
import statistics
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from oracle import Oracle

from nnloop import corpus
from nnloop.loop.corpus_trials import REPEATED, CorpusConditions, JudgedCorpus, judge_corpus, trials_each
from nnloop.records import Status, Trial, TrialResult
from nnloop.runs.digest import Digest, digest
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings
from nnloop.stats import noise_of

NETWORKS = corpus.seeds()[:3]


class Judge(Oracle):
    """An executor that remembers what it trained; the network named in `slow` runs out of time below 2 s."""

    def __init__(self, slow: str = "") -> None:
        super().__init__()
        self.slow = slow

    def submit(self, trial: Trial) -> Future[TrialResult]:
        future = super().submit(trial)
        if trial.candidate.id == self.slow:
            result = replace(future.result(), seconds=2.0)
            future = Future()
            future.set_result(result if trial.limits.wall_s > 2 else TrialResult(Status.TIMEOUT))
        return future


def conditions(settings: Settings, images: int = 1_000) -> CorpusConditions:
    return CorpusConditions(settings, Digest("protocol", "training", None), images)


def judged(configure, folder: Path, judge: Oracle, *overrides: str, cache: str = "cache", images: int = 1_000, **more):
    folder.mkdir(exist_ok=True)
    of = conditions(configure("dataset=digits", *overrides), images)
    file = of.cache_file(folder.parent / cache)
    return judge_corpus(NETWORKS, of, executor=judge, folder=RunFolder(folder), cache=file, **more)


def accuracies(corpus: JudgedCorpus) -> list[float | None]:
    return [network.val_accuracy for network, _ in corpus]


def test_a_small_set_gives_each_network_the_mean_and_noise_of_three_trials(configure, tmp_path: Path) -> None:
    judge = Judge()
    networks = [network for network, _ in judged(configure, tmp_path / "run", judge)]
    assert [judge.asked[one.id] for one in NETWORKS] == [3, 3, 3]
    of = conditions(configure("dataset=digits"))
    for network in networks:
        trials = [Oracle().submit(one).result().val_accuracy for one in trials_of(network.id, of)]
        assert network.val_accuracy == pytest.approx(statistics.mean(trials))
        assert network.noise == pytest.approx(statistics.stdev(trials))
    assert noise_of(networks) == pytest.approx(statistics.mean(one.noise**2 for one in networks) ** 0.5)


def trials_of(network: str, of: CorpusConditions) -> list[Trial]:
    from nnloop.executor import make_trial
    from nnloop.records import Candidate

    candidate = Candidate(network, "", mode="corpus", parent=None, cycle=-1, slot=0)
    return [make_trial(of.settings, candidate, of.seed((network, repeat))) for repeat in range(3)]


def test_a_large_set_gives_each_network_one_trial_unless_the_settings_say_otherwise(configure, tmp_path: Path) -> None:
    one, two = Judge(), Judge()
    judged(configure, tmp_path / "one", one, "selection.estimate=trial", images=2_000)
    judged(configure, tmp_path / "two", two, "corpus.trials=2", images=2_000, cache="other")
    assert (one.asked.total(), two.asked.total()) == (3, 6)


def test_estimates_have_some_networks_of_a_large_set_tried_again(configure, tmp_path: Path) -> None:
    settings = configure("dataset=digits")
    many = [replace(NETWORKS[0], id=str(at), name=str(at)) for at in range(REPEATED + 2)]
    each = trials_each(many, settings, 2_000)
    assert sorted(each.values()) == [1] * 2 + [3] * REPEATED


def test_the_corpus_is_the_same_whatever_the_cache_holds(configure, tmp_path: Path) -> None:
    """Another run's seed, more repeats, and limits within which a network fails or not leave no trace."""
    slow = NETWORKS[0].id
    judged(configure, tmp_path / "before", Judge(slow), "seed=7", "corpus.trials=5")
    judged(configure, tmp_path / "small", Judge(slow), "mode.max_params=100")
    for name, limit in (
        ("generous", "executor.wall_s=3"),
        ("strict", "executor.wall_s=1"),
        ("few", "mode.max_params=9"),
    ):
        warm = judged(configure, tmp_path / name, judge := Judge(slow), "seed=8", limit)
        fresh = judged(configure, tmp_path / f"{name}2", Judge(slow), "seed=8", limit, cache=f"fresh-{name}")
        assert accuracies(warm) == accuracies(fresh)
        assert (accuracies(warm)[0] is None) == (name == "strict")
        assert judge.asked.total() == {"generous": 0, "strict": 3, "few": 9}[name]


def test_a_second_run_trains_only_what_was_not_repeatable(configure, tmp_path: Path) -> None:
    slow = NETWORKS[1].id
    first, second = Judge(slow), Judge(slow)
    judged(configure, tmp_path / "first", first, "executor.wall_s=1")
    judged(configure, tmp_path / "second", second, "executor.wall_s=1", "seed=1")
    assert (first.asked.total(), dict(second.asked)) == (9, {slow: 3})


def test_a_run_reads_the_trials_that_it_has(configure, tmp_path: Path) -> None:
    before = judged(configure, tmp_path / "run", Judge())
    again = Judge()
    assert judged(configure, tmp_path / "run", again, cache="none") == before
    assert not again.asked


def test_a_network_that_failed_has_no_accuracy_and_is_named(
    configure, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        network, result = judged(configure, tmp_path / "run", Judge(NETWORKS[1].id), "executor.wall_s=1")[1]
    assert (network.val_accuracy, result.status) == (None, Status.TIMEOUT)
    assert f"corpus network {network.name} is not shown: timeout" in caplog.text


def test_trials_go_on_while_the_llm_loads_and_are_shown_as_they_end(configure, tmp_path: Path) -> None:
    class Waiting(Judge):
        loaded = threading.Event()

        def submit(self, trial: Trial) -> Future[TrialResult]:
            future, result = Future(), super().submit(trial).result()
            threading.Thread(target=lambda: (self.loaded.wait(10), future.set_result(result))).start()
            return future

    seen: list[tuple[int, int]] = []
    judge = Waiting()
    judged(configure, tmp_path / "run", judge, show=lambda *at: seen.append(at), meanwhile=judge.loaded.set)
    assert judge.loaded.is_set()
    assert seen == [(done, 9) for done in range(10)]


def test_nothing_is_loaded_beside_trials_that_are_all_known(configure, tmp_path: Path) -> None:
    judged(configure, tmp_path / "first", Judge())
    judged(configure, tmp_path / "second", Judge(), meanwhile=lambda: pytest.fail("no trial runs"))


def test_trials_by_a_networks_own_recipe_are_known_by_it(configure) -> None:
    """The same source with other hyperparameters, as another reading of LEMUR gives it, is another trial."""
    one, other = (replace(NETWORKS[0], hp={"lr": rate}, transform="norm") for rate in (0.1, 0.2))
    own = conditions(configure("proxy=lemur", "proxy.own_recipe=true"))
    assert len({own.name(network) for network in (NETWORKS[0], one, other)}) == 3
    shared = conditions(configure("proxy=lemur"))
    assert {shared.name(network) for network in (NETWORKS[0], one, other)} == {NETWORKS[0].id}


def test_the_corpus_is_judged_anew_where_its_images_are_fed_otherwise(configure, tmp_path: Path) -> None:
    others = ("seed=1", "dataset.flip=true", "dataset.crop_pad=0", "dataset.mean=[0.5]", "sandbox=inline")
    chosen = [configure("dataset=digits", other) for other in others]
    files = {CorpusConditions(one, digest(one, "same images", None), 1).cache_file(tmp_path) for one in chosen}
    assert len(files) == 5
