"""A tracker is told from which adapter each artifact was made."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run
from lineages import save_adapter

from nnloop.loop.artifacts import media, track_cycle, track_run
from nnloop.report.measures.read import read
from nnloop.runs.folder import RunFolder
from nnloop.tracking import Artifact, NoTracker


class Listener(NoTracker):
    """Remembers artifacts by name and aliases, each with those that it was made from."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = {}

    def artifact(self, made: Artifact, *made_from: Artifact) -> None:
        self.told[label(made)] = [label(one) for one in made_from]


def label(one: Artifact) -> str:
    return ":".join((one.name, *one.aliases))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "run", cycles=3, candidates=2)


def adapters(run: RunFolder, cycles: tuple[int, ...]) -> None:
    parent = None
    for cycle in cycles:
        parent = save_adapter(run.adapter(cycle), parent)


def test_an_adapter_is_made_from_the_one_that_it_continues_and_from_the_networks_so_far(run: RunFolder) -> None:
    adapters(run, cycles=(0, 2))
    tracker, entries = Listener(), [replace(entry, admitted=entry.cycle == 1) for entry in run.entries()]
    for cycle in range(3):
        track_cycle(tracker, run, cycle, entries=[one for one in entries if one.cycle <= cycle])
    told = {
        name: origins for name, origins in tracker.told.items() if name.startswith("adapter") and "best" not in name
    }
    assert told == {
        "adapter:cycle-1:latest": [],
        "adapter:cycle-3:latest": ["adapter:cycle-1", "networks:cycle-3"],
    }
    assert [name for name in tracker.told if name.startswith("networks:cycle-1")] == []  # nothing was admitted


def test_an_adapter_made_from_the_bare_model_has_no_origin(run: RunFolder) -> None:
    adapters(run, cycles=(0,))
    save_adapter(run.adapter(1), None)
    tracker = Listener()
    track_cycle(tracker, run, 1, entries=[])
    assert tracker.told == {"adapter:cycle-2:latest": []}


def test_the_adapter_from_before_the_first_cycle_goes_with_that_cycles(run: RunFolder) -> None:
    save_adapter(run.adapter(0), save_adapter(run.first_adapter, None))
    tracker = Listener()
    track_cycle(tracker, run, 0, entries=[])
    assert tracker.told == {"adapter:before": [], "adapter:cycle-1:latest": ["adapter:before"]}


def test_the_best_network_marks_its_version_and_the_adapter_that_wrote_it(run: RunFolder) -> None:
    adapters(run, cycles=(0, 1))
    valid = [entry for entry in run.entries() if entry.valid and entry.result]
    best = max(valid, key=lambda entry: entry.cycle)
    assert best.result is not None
    entries = [replace(one, admitted=True) for one in valid if one is not best]
    entries.append(replace(best, admitted=True, result=replace(best.result, val_accuracy=1.0)))
    tracker = Listener()
    track_cycle(tracker, run, best.cycle, entries=entries)
    assert tracker.told[f"networks:cycle-{best.cycle + 1}:latest:best"] == [f"adapter:cycle-{min(best.cycle, 2)}"]
    assert f"adapter:cycle-{min(best.cycle, 2)}:best" in tracker.told


@pytest.mark.parametrize(("cycles", "origin"), [((0, 1), ["adapter:cycle-2"]), ((), [])])
def test_a_finished_run_hands_over_archive_and_page(run: RunFolder, cycles: tuple[int, ...], origin: list[str]) -> None:
    adapters(run, cycles)
    tracker = Listener()
    track_run(tracker, run)
    assert tracker.told == {"archive": origin, "report": ["archive"]}


def test_the_page_and_the_figures_are_media(run: RunFolder) -> None:
    run.page.write_text("page")
    made = {key: make() for key, make in media(read(run.path)).items()}
    assert made["report/page"] == run.page
    assert made["report/figures"].read_bytes().startswith(b"\x89PNG")
