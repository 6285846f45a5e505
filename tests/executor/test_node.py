"""A job's part: each trial of its file is run once, and its result is on the disk before the next begins."""

import json
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from trials import network, trial

from nnloop.executor import node
from nnloop.records import Status, Trial, TrialResult


class Counting:
    """An executor whose results are the numbers of its trials; dies at `dies_at`."""

    shortfalls = ("SLURM was asked for 8 CPUs",)

    def __init__(self, dies_at: int | None = None) -> None:
        self.seen: list[int] = []
        self.dies_at = dies_at

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def submit(self, trial: Trial) -> Future[TrialResult]:
        if len(self.seen) == self.dies_at:
            raise KeyboardInterrupt
        self.seen.append(trial.seed)
        future: Future[TrialResult] = Future()
        future.set_result(TrialResult(Status.OK, params=trial.seed))
        return future


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "job.json"
    path.write_text(json.dumps([trial(network(), seed=seed).to_json() for seed in range(3)]))
    return path


def test_every_trial_of_the_file_gets_a_result(requests: Path) -> None:
    executor = Counting()
    node.run_trials(requests, lambda: executor)  # type: ignore[arg-type, return-value]
    results = node.read_results(requests)
    assert results == {node.key(trial(network(), seed=seed)): TrialResult(Status.OK, params=seed) for seed in range(3)}
    assert executor.closed


def test_a_job_that_is_run_again_goes_on_where_it_was(requests: Path) -> None:
    first, second = Counting(dies_at=2), Counting()
    with pytest.raises(KeyboardInterrupt):
        node.run_trials(requests, lambda: first)  # type: ignore[arg-type, return-value]
    assert len(node.read_results(requests)) == 2
    node.run_trials(requests, lambda: second)  # type: ignore[arg-type, return-value]
    assert (first.seen, second.seen) == ([0, 1], [2])


def test_a_job_that_has_not_begun_has_no_results(requests: Path) -> None:
    assert node.read_results(requests) == {}


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 2}, {"proxy": "other"}, {"dataset": "other"}])
def test_trials_that_may_end_otherwise_have_other_keys(change: dict[str, object]) -> None:
    one = trial(network())
    assert node.key(one) == node.key(replace(one, checkpoint="somewhere"))
    assert node.key(one) != node.key(replace(one, **change))  # type: ignore[arg-type]


def test_what_a_node_lacks_is_told_to_the_search(requests: Path) -> None:
    assert node.read_warnings(requests) == []
    node.run_trials(requests, Counting)  # type: ignore[arg-type]
    assert node.read_warnings(requests) == ["SLURM was asked for 8 CPUs"]
