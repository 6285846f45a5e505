"""The costs of a cycle add up, with and without GPUs."""

import time
from pathlib import Path

import pytest
from entries import entry

from nnloop.loop.costs import CostTracker
from nnloop.records import Costs, Status, TrialResult

NONE = Path("/dev/null/none")


class FakeGpu:
    """A GPU that takes the same energy from one reading to the next; None: one that does not tell."""

    def __init__(self, joules: float | None) -> None:
        self._taken, self._joules = 0.0, joules

    def joules(self) -> float:
        if self._joules is None:
            raise OSError
        self._taken += self._joules
        return self._taken


def costs_with(*joules: float | None) -> Costs:
    return CostTracker(NONE, [FakeGpu(each) for each in joules]).costs([])


def test_energy_is_that_of_all_gpus_since_the_begin() -> None:
    assert costs_with(5.0, 7.0).joules == 12.0


def test_gpu_seconds_are_wall_seconds_of_every_gpu() -> None:
    costs = costs_with(5.0, 7.0)
    assert costs.gpu_seconds == pytest.approx(2 * costs.seconds["total"], abs=0.01)


def test_a_gpu_that_does_not_tell_its_energy_gives_none() -> None:
    assert costs_with(5.0, None).joules is None


def test_without_a_gpu_there_are_no_gpu_seconds_and_no_joules() -> None:
    assert (costs_with().gpu_seconds, costs_with().joules) == (None, None)


def test_recorded_stages_add_up_to_the_total() -> None:
    tracker = CostTracker(NONE)
    for stage in ("generate", "evaluate", "generate"):
        tracker.record(stage)
    seconds = tracker.costs([]).seconds
    assert set(seconds) == {"generate", "evaluate", "cpu", "trials", "total"}
    assert seconds["generate"] + seconds["evaluate"] == pytest.approx(seconds["total"], abs=0.05)


def test_a_cycle_costs_the_tokens_of_all_entries_and_the_trials_of_all_but_duplicates() -> None:
    trained = TrialResult(Status.OK, val_accuracy=0.5, seconds=2.0, peak_bytes=1 << 50)
    facts = {"tokens": 10, "prompt_tokens": 100}
    entries = [entry("a", result=trained, facts=facts), entry("a", Status.DUPLICATE, result=trained, facts=facts)]
    costs = CostTracker(NONE).costs(entries)
    assert (costs.tokens, costs.prompt_tokens, costs.seconds["trials"], costs.peak_bytes) == (20, 200, 2.0, 1 << 50)


def test_a_cycle_that_is_taken_up_again_counts_on(tmp_path: Path) -> None:
    file = tmp_path / "cycle" / "costs.json"
    with CostTracker(file, [FakeGpu(5.0)]) as first:
        time.sleep(0.05)
        first.record("generate")
    with CostTracker(file, [FakeGpu(7.0)]) as second:
        time.sleep(0.02)
        second.record("generate")
        seconds = second.costs([]).seconds
    assert seconds["total"] >= seconds["generate"] >= 0.07
    assert second.costs([]).joules > 12.0


def test_a_killed_cycle_loses_little_of_its_costs(tmp_path: Path) -> None:
    """The costs are on the disk before the cycle ends: a kill leaves no time to save them."""
    file = tmp_path / "costs.json"
    with CostTracker(file, [], save_s=0.01):
        deadline = time.monotonic() + 10
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert CostTracker(file, []).costs([]).seconds["total"] > 0
