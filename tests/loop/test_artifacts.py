"""A tracker is told from which adapter each artifact was made."""

from pathlib import Path

import pytest
from fake_run import make_run
from lineages import save_adapter

from nnloop.loop.artifacts import track_adapter, track_run
from nnloop.runs.folder import RunFolder
from nnloop.tracking import Artifact, NoTracker


class Listener(NoTracker):
    """Remembers the names of artifacts, each with the names of those that it was made from."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = {}

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        self.told[made.name] = [one.name for one in made_from]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "run", cycles=3, candidates=2)


def adapters(run: RunFolder, cycles: tuple[int, ...]) -> None:
    parent = None
    for cycle in cycles:
        parent = save_adapter(run.adapter(cycle), parent)


def test_an_adapter_is_made_from_the_one_that_it_continues(run: RunFolder) -> None:
    adapters(run, cycles=(0, 2))
    tracker = Listener()
    for cycle in range(3):
        track_adapter(tracker, run, cycle)
    assert tracker.told == {"adapter-0": [], "adapter-2": ["adapter-0"]}


def test_an_adapter_made_from_the_bare_model_has_no_origin(run: RunFolder) -> None:
    adapters(run, cycles=(0,))
    save_adapter(run.adapter(1), None)
    tracker = Listener()
    track_adapter(tracker, run, 1)
    assert tracker.told == {"adapter-1": []}


def test_the_adapter_from_before_the_first_cycle_goes_with_that_cycles(run: RunFolder) -> None:
    save_adapter(run.adapter(0), save_adapter(run.first_adapter, None))
    tracker = Listener()
    track_adapter(tracker, run, 0)
    assert tracker.told == {"adapter-before": [], "adapter-0": ["adapter-before"]}


@pytest.mark.parametrize(("cycles", "origin"), [((0, 1), ["adapter-1"]), ((), [])])
def test_a_finished_run_hands_over_archive_code_and_page(
    run: RunFolder, cycles: tuple[int, ...], origin: list[str]
) -> None:
    adapters(run, cycles)
    tracker = Listener()
    track_run(tracker, run)
    assert tracker.told == {"archive": origin, "code": ["archive"], "report": ["archive"]}
