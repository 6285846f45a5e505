"""What a cycle costs, against a stand-in for NVML."""

import sys
from types import SimpleNamespace

import pytest
from entries import entry

from nnloop.loop.costs import CostTracker, Gpus
from nnloop.records import Status, TrialResult


class Nvml(SimpleNamespace):
    """Two GPUs, "GPU-a" at 0 and "GPU-b" at 1, which draw 5 J and 7 J from one reading to the next."""

    def __init__(self) -> None:
        super().__init__(drawn={"a": 0, "b": 0}, nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: 2)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return "ab"[index]

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:  # noqa: N802
        return name.removeprefix("GPU-")

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        self.drawn[handle] += {"a": 5000, "b": 7000}[handle]
        return self.drawn[handle]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    return found


@pytest.mark.parametrize(("visible", "joules"), [(None, 12), ("0", 5), ("GPU-b", 7), ("0, 1", 12)])
def test_energy_is_that_of_the_visible_gpus(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch, visible: str | None, joules: float
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert CostTracker().costs([]).joules == joules


def test_gpu_seconds_are_wall_seconds_of_every_gpu(nvml: Nvml) -> None:
    costs = CostTracker().costs([])
    assert costs.gpu_seconds == pytest.approx(2 * costs.seconds["total"], abs=0.01)


def test_a_gpu_that_does_not_tell_its_energy_gives_none(nvml: Nvml) -> None:
    nvml.nvmlDeviceGetTotalEnergyConsumption = lambda handle: 1 / 0  # type: ignore[method-assign]
    assert len(Gpus()) == 2
    assert CostTracker().costs([]).joules is None


def test_without_a_gpu_there_are_no_gpu_seconds_and_no_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    costs = CostTracker().costs([])
    assert (costs.gpu_seconds, costs.joules) == (None, None)


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
