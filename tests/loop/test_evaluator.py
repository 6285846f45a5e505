"""Completions become entries in slot order, whatever the order of texts and trials."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from entries import completion as written

from nnloop.loop.archive import Archive
from nnloop.loop.evaluator import Evaluator
from nnloop.loop.selection import SelectionRules
from nnloop.modes.full import Full
from nnloop.modes.render import full_target
from nnloop.novelty import Novelty
from nnloop.novelty import build as build_novelty
from nnloop.records import (
    Completion,
    Entry,
    Limits,
    Network,
    Status,
    Trial,
    TrialResult,
    candidate_id,
)
from nnloop.runs.durable import Journal
from nnloop.runs.folder import RunFolder

NET = """from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.out = nn.LazyLinear({width})
        self.top = nn.LazyLinear(out_shape[0])

    def forward(self, x):
        return self.top(self.out(x.flatten(1)))
"""
PARENT = Network(candidate_id(NET.format(width=1)), NET.format(width=1), "parent", 0.5)


class Bench:
    """An executor whose trials end when the test says so."""

    def __init__(self) -> None:
        self.futures: dict[str, Future[TrialResult]] = {}

    def submit(self, trial: Trial) -> Future[TrialResult]:
        self.futures[trial.candidate.id] = Future()
        return self.futures[trial.candidate.id]

    def end(self, width: int, accuracy: float) -> None:
        self.futures[candidate_id(NET.format(width=width))].set_result(TrialResult(Status.OK, val_accuracy=accuracy))


def completion(slot: int, width: int) -> Completion:
    text = full_target(NET.format(width=width))
    return written(text, slot=slot, parent=PARENT.id)


class Cycle:
    """One evaluator over a fresh archive."""

    def __init__(self, folder: Path, novelty: Novelty, done: dict[str, TrialResult] | None = None) -> None:
        self.bench = Bench()
        run = RunFolder(folder)
        (folder / "code").mkdir(exist_ok=True)
        self.archive = Archive(run, novelty, [(PARENT, TrialResult(Status.OK, val_accuracy=0.5))])
        self.trials = Journal(run.trials(0))
        self.evaluator = Evaluator(
            archive=self.archive,
            mode=Full(),
            rules=SelectionRules(0.6, "better"),
            estimators={},
            executor=self.bench,
            make_trial=lambda candidate: Trial(candidate, "digits", "fast", epochs=1, seed=0, limits=Limits(1, 1)),
            results=done or {},
            trials=self.trials,
            next_slot=0,
            answered=False,
        )

    def close(self) -> None:
        self.archive.close()
        self.trials.close()

    def submit(self, slot: int, width: int) -> None:
        self.evaluator.submit(completion(slot, width), PARENT)

    def poll(self) -> list[Entry]:
        return self.evaluator.poll()


@pytest.fixture
def open_cycle(configure, tmp_path: Path) -> Iterator[Callable[..., Cycle]]:
    """Open a cycle over the test's run folder; all are closed at the end."""
    opened: list[Cycle] = []

    def start(**more: Any) -> Cycle:
        novelty = build_novelty(configure("llm=random", "dataset=digits").novelty)
        opened.append(Cycle(tmp_path, novelty, **more))
        return opened[-1]

    yield start
    for cycle in opened:
        cycle.close()


def test_entries_leave_in_slot_order_however_texts_and_trials_come(open_cycle) -> None:
    cycle = open_cycle()
    for slot in (2, 0, 1):
        cycle.submit(slot, width=10 + slot)
    cycle.bench.end(12, 0.9)
    cycle.bench.end(11, 0.8)
    assert cycle.poll() == []
    cycle.bench.end(10, 0.7)
    assert [entry.slot for entry in cycle.poll()] == [0, 1, 2]


def test_the_trials_that_run_are_told_from_those_that_wait(open_cycle) -> None:
    cycle = open_cycle()
    for slot in (2, 0, 1):
        cycle.submit(slot, width=10 + slot)
    for width in (12, 10):
        cycle.bench.futures[candidate_id(NET.format(width=width))].set_running_or_notify_cancel()
    assert [one.slot for one in cycle.evaluator.running()] == [0, 2]
    cycle.bench.end(10, 0.7)
    cycle.poll()
    assert [one.slot for one in cycle.evaluator.running()] == [2]


def test_a_finished_trial_is_on_the_disk_while_an_earlier_slot_still_trains(open_cycle, tmp_path: Path) -> None:
    cycle = open_cycle()
    cycle.submit(0, 10)
    cycle.submit(1, 11)
    cycle.bench.end(11, 0.8)
    cycle.poll()
    assert list(RunFolder(tmp_path).read_trials(0)) == [candidate_id(NET.format(width=11))]


def test_equal_candidates_of_a_batch_are_trained_once_and_the_lower_slot_is_the_first(open_cycle) -> None:
    cycle = open_cycle()
    cycle.submit(1, 10)
    cycle.submit(0, 10)
    assert len(cycle.bench.futures) == 1
    cycle.bench.end(10, 0.7)
    first, second = cycle.poll()
    assert (first.slot, first.status, second.slot, second.status) == (0, Status.OK, 1, Status.DUPLICATE)
    assert second.result == first.result
    assert not second.selected


def test_a_repetition_of_the_corpus_is_a_duplicate_and_is_not_trained(open_cycle) -> None:
    cycle = open_cycle()
    cycle.submit(0, 1)
    (entry,) = cycle.poll()
    assert (entry.status, entry.reason) == (Status.DUPLICATE, "same network as the corpus network parent")
    assert cycle.bench.futures == {}


def test_a_result_from_before_a_restart_is_used_and_not_trained_again(open_cycle) -> None:
    done = {candidate_id(NET.format(width=10)): TrialResult(Status.OK, val_accuracy=0.75)}
    cycle = open_cycle(done=done)
    cycle.submit(0, 10)
    (entry,) = cycle.poll()
    assert entry.val_accuracy == 0.75
    assert cycle.bench.futures == {}


def test_an_archive_opened_again_knows_what_it_knew(open_cycle) -> None:
    cycle = open_cycle()
    cycle.submit(0, 10)
    cycle.bench.end(10, 0.7)
    cycle.poll()
    again = open_cycle()
    assert again.archive.entries == cycle.archive.entries
    assert again.archive.networks == cycle.archive.networks
    again.submit(1, 10)
    assert again.bench.futures == {}


@pytest.mark.parametrize(("fact", "reason"), [("truncated", "llm.max_new_tokens"), ("looped", "llm.max_repeats")])
def test_an_answer_that_was_ended_is_truncated_unless_it_was_whole(open_cycle: Any, fact: str, reason: str) -> None:
    cycle = open_cycle()
    whole = full_target(NET.format(width=3))
    texts = [f"{whole}\nThis network", whole.removesuffix("</nn>"), whole[:200]]
    for slot, text in enumerate(texts):
        cycle.evaluator.submit(written(text, slot=slot, parent=PARENT.id, tokens=9, **{fact: True}), PARENT)
    cycle.bench.end(3, 0.7)
    entries = cycle.evaluator.poll()
    assert [entry.status for entry in entries] == [Status.OK, Status.TRUNCATED, Status.TRUNCATED]
    assert "after 9 tokens" in entries[1].reason
    assert reason in entries[1].reason
    assert all(getattr(entry.generation, fact) for entry in entries)
