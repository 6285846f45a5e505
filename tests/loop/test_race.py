"""The race for the incumbent: it finds the best of noisy networks, within its budget, and what was lucky drops out."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run

from nnloop.loop.race import TEST_SEEDS, is_due, measure_incumbent, race, room
from nnloop.records import Status, Trial, TrialResult
from nnloop.report.measures.read import Run, read
from nnloop.report.measures.summaries import summary
from nnloop.seeding import derive
from nnloop.settings import Settings


def noisy(
    truth: dict[str, float], noise: float, seed: int = 0
) -> Callable[[Sequence[tuple[str, str, int]]], list[float]]:
    generator = random.Random(seed)
    return lambda keys: [generator.gauss(truth[name], noise) for name, _, _ in keys]


def winner(accuracies: dict[str, list[float]]) -> str:
    longest = max(map(len, accuracies.values()))
    return max((name for name in accuracies if len(accuracies[name]) == longest), key=lambda n: sum(accuracies[n]))


def test_a_race_finds_the_best_of_noisy_networks_where_a_single_trial_does_not() -> None:
    truth = {f"n{number}": 0.90 + 0.01 * number for number in range(8)}
    raced = single = 0
    for seed in range(50):
        raced += winner(race(list(truth), 60, noisy(truth, 0.015, seed))) == "n7"
        once = noisy(truth, 0.015, seed)([(name, "race", 0) for name in truth])
        single += once.index(max(once)) == 7
    assert single < 30
    assert raced >= single + 8


def test_a_race_stays_within_its_budget_and_spends_it_on_the_networks_that_may_be_best() -> None:
    truth = {"good": 0.96, "better": 0.961, "poor": 0.5, "poorer": 0.4}
    accuracies = race(list(truth), 30, noisy(truth, 0.01))
    assert sum(map(len, accuracies.values())) <= 30
    assert len(accuracies["poor"]) == len(accuracies["poorer"]) == 2
    assert len(accuracies["good"]) == len(accuracies["better"]) > 10


@pytest.mark.parametrize(("budget", "networks", "trials"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (9, 3, 9)])
def test_a_small_budget_tries_few_networks_more_than_once(budget: int, networks: int, trials: int) -> None:
    accuracies = race(["a", "b", "c", "d"], budget, lambda keys: [0.5 + 0.01 * len(keys[0][0]) for _ in keys])
    assert (len(accuracies), sum(map(len, accuracies.values()))) == (networks, trials)


def test_a_front_is_tried_to_the_end() -> None:
    accuracies = race(["a", "b", "c"], 20, lambda keys: [{"a": 0.9}.get(key[0], 0.1) for key in keys], to_the_end=True)
    assert [len(values) for values in accuracies.values()] == [3, 3, 3]


class Fresh:
    """An executor whose trials differ by seed; it remembers them."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.seeds: list[tuple[str, int]] = []

    def submit(self, trial: Trial) -> Future[TrialResult]:
        self.seeds.append((trial.candidate.id, trial.seed))
        future: Future[TrialResult] = Future()
        accuracy = 0.9 + derive(trial.candidate.id, trial.seed) / 2**31 / 100
        if trial.candidate.id == self.failing:
            future.set_result(TrialResult(Status.DIVERGED))
        else:
            future.set_result(TrialResult(Status.OK, val_accuracy=accuracy, test_accuracy=accuracy - 0.02))
        return future


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read(make_run(tmp_path_factory.mktemp("run") / "run", cycles=4, candidates=20).path)


@pytest.fixture
def settings(configure) -> Settings:
    return configure("dataset=digits", "incumbent.share=0.5")


def test_the_incumbent_is_the_best_mean_under_fresh_seeds_and_tested_under_others(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    executor = Fresh()
    found = measure_incumbent(run, settings, executor, trials=tmp_path / "trials.jsonl")
    assert found is not None
    assert len(set(executor.seeds)) == len(executor.seeds) == found.trials
    repeats = found.networks[0].accuracies
    assert found.validation.value == pytest.approx(sum(repeats) / len(repeats))
    assert found.candidate == found.networks[0].candidate
    assert len(found.test_accuracies) == TEST_SEEDS
    assert found.test.low < found.test.value < found.test.high
    assert found.claimed == run.by_id[found.candidate].val_accuracy
    assert found.trials <= room(run, 0.5) + TEST_SEEDS


def test_a_measurement_that_was_cut_goes_on_and_a_summary_gives_the_same(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    whole = measure_incumbent(run, settings, Fresh(), trials=tmp_path / "whole.jsonl")
    kept = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_text("".join(kept[:5]) + kept[5][:20])
    executor = Fresh()
    assert measure_incumbent(run, settings, executor, trials=tmp_path / "cut.jsonl") == whole
    assert len(executor.seeds) == len(kept) - 5
    of_summary = replace(run, folder=None, codes=summary(run)["codes"])
    assert measure_incumbent(of_summary, settings, Fresh(), trials=tmp_path / "summary.jsonl") == whole


def test_a_network_that_fails_under_fresh_seeds_does_not_win(run: Run, settings: Settings, tmp_path: Path) -> None:
    first = str(run.networks[0].candidate)
    found = measure_incumbent(run, settings, Fresh(failing=first), trials=tmp_path / "trials.jsonl")
    assert found is not None
    assert found.candidate != first
    assert next(one for one in found.networks if one.candidate == first).accuracies == [0.0, 0.0]


def test_a_run_is_measured_once_and_again_for_another_share_or_more_cycles(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    assert is_due(run, 0.5)
    measured = replace(run, incumbent=measure_incumbent(run, settings, Fresh(), trials=tmp_path / "trials.jsonl"))
    assert (is_due(measured, 0.5), is_due(measured, 1.0), is_due(run, 0.0)) == (False, True, False)
    assert is_due(replace(measured, reports=run.reports[:2]), 0.5)
