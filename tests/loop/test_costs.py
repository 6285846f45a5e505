"""The costs of a cycle add up, with and without GPUs."""

import pytest
from entries import entry

from nnloop.loop.costs import CostTracker
from nnloop.records import Costs, Status, TrialResult


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
    return CostTracker([FakeGpu(each) for each in joules]).costs([])


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
    tracker = CostTracker()
    for stage in ("generate", "evaluate", "generate"):
        tracker.record(stage)
    seconds = tracker.costs([]).seconds
    assert set(seconds) == {"generate", "evaluate", "trials", "total"}
    assert seconds["generate"] + seconds["evaluate"] == pytest.approx(seconds["total"], abs=0.05)


def test_a_cycle_costs_the_tokens_of_all_entries_and_the_trials_of_all_but_duplicates() -> None:
    trained = TrialResult(Status.OK, val_accuracy=0.5, seconds=2.0, peak_bytes=1 << 50)
    facts = {"tokens": 10, "prompt_tokens": 100}
    entries = [entry("a", result=trained, facts=facts), entry("a", Status.DUPLICATE, result=trained, facts=facts)]
    costs = CostTracker().costs(entries)
    assert (costs.tokens, costs.prompt_tokens, costs.seconds["trials"], costs.peak_bytes) == (20, 200, 2.0, 1 << 50)
