"""A search that is cut off at any step goes on to the archive of one that never was."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from oracle import Oracle, search, timeless
from paths import SUPPORT
from powercut import Disk

from nnloop.errors import RunFolderError
from nnloop.records import Status, Trial, TrialResult
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings
from nnloop.stop import Interrupted

SMALL = ("llm=random", "dataset=digits", "finetune=off", "tracker=none", "cycles=2", "candidates=3")


class Cut(BaseException):
    """The power is gone."""


@pytest.mark.parametrize(("rule", "every"), [("off", 9), pytest.param("tokens", 1, marks=pytest.mark.long)])
def test_a_power_cut_at_any_step_leaves_a_run_that_goes_on_to_the_same_archive(
    rule: str, every: int, configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = configure(*SMALL, f"novelty={rule}")
    (tmp_path / "whole").mkdir()
    steps: list[str] = []
    with monkeypatch.context() as patch:
        Disk(tmp_path / "whole", tmp_path / "s", steps.append).install(patch.setattr)
        search(small, tmp_path / "whole" / "run", Oracle())
    whole = timeless(tmp_path / "whole" / "run")
    assert len(whole) == 6
    assert {step.split("/")[-1].split()[-1] for step in steps} >= {"archive.jsonl", "report.json", "run.json", "code"}
    for number in range(0, len(steps), every):
        assert cut_at(number, small, tmp_path, monkeypatch) == whole, steps[number]


def cut_at(number: int, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Cut a run at its step of that number, once more after the restart, then let it end.

    The first time all that was not fsynced is gone, the second time a part of it is left.
    """
    root = folder / f"cut{number}"
    root.mkdir()
    for limit, rng in ((number, None), (number // 2 + 5, random.Random(number)), (None, None)):
        left = limit

        def step(name: str) -> None:
            nonlocal left
            if left is not None:
                left -= 1
                if left < 0:
                    raise Cut(name)

        with monkeypatch.context() as patch:
            disk = Disk(root, folder / f"shadow{number}", step)
            disk.install(patch.setattr)
            try:
                search(settings, root / "run", Oracle())
            except Cut:
                left = None
                disk.restore(rng)
    return timeless(root / "run")


def test_a_killed_process_loses_no_result_that_it_was_given(configure, tmp_path: Path) -> None:
    settings = configure(*SMALL, "corpus.trials=1", "novelty=off")
    first, second = Oracle(), Oracle()
    with pytest.raises(Cut):
        search(settings, tmp_path / "run", Dying(first, after=4))
    search(settings, tmp_path / "run", second)
    assert len(timeless(tmp_path / "run")) == 6
    assert set((first.asked + second.asked).values()) == {1}


class Dying:
    """An executor under which the process dies as it hands out one more candidate than `after` and the corpus."""

    def __init__(self, oracle: Oracle, after: int) -> None:
        self._oracle, self._left = oracle, after + 3

    def submit(self, trial: Trial) -> Future[TrialResult]:
        self._left -= 1
        if self._left < 0:
            raise Cut
        return self._oracle.submit(trial)


def test_a_trial_that_our_machinery_failed_is_run_again_after_a_restart(configure, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / "cycles").mkdir()
    with run.journal(run.trials(0)) as trials:
        for name, status in (("a", Status.OK), ("b", Status.INFRASTRUCTURE)):
            trials.append(f'{{"candidate": "{name}", "result": {TrialResult(status).line()}}}')
    assert set(run.read_trials(0)) == {"a"}


def test_a_missing_source_is_one_line_that_names_it(configure, tmp_path: Path) -> None:
    settings = configure(*SMALL, "corpus.trials=1", "novelty=off")
    search(settings, tmp_path / "run", Oracle())
    path = RunFolder(tmp_path / "run").code(str(RunFolder(tmp_path / "run").entries()[0].candidate))
    path.unlink()
    RunFolder(tmp_path / "run").report(1).unlink()
    with pytest.raises(RunFolderError, match=rf"{path}: is missing"):
        search(settings, tmp_path / "run", Oracle())


@pytest.mark.long
@pytest.mark.timeout(600)
def test_thirty_kills_at_random_moments_half_of_them_power_cuts_change_no_archive() -> None:
    command = [sys.executable, str(SUPPORT / "kills.py"), "30", "3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills=30" in done.stdout
    assert "different=0, failed=0" in done.stdout


def test_a_clock_that_goes_backwards_changes_nothing(configure, tmp_path: Path, monkeypatch) -> None:
    settings = configure(*SMALL, "corpus.trials=1", "novelty=off")
    search(settings, tmp_path / "whole", Oracle())
    with pytest.raises(Cut):
        search(settings, tmp_path / "run", Dying(Oracle(), after=1))
    before = [time.time()]

    def backwards() -> float:
        before[0] -= 3600
        return before[0]

    monkeypatch.setattr(time, "time", backwards)
    search(settings, tmp_path / "run", Oracle())
    assert timeless(tmp_path / "run") == timeless(tmp_path / "whole")


class Slow:
    """An executor with one worker: the first trial runs, the others wait.

    After the third came, this process gets a signal, and, where that is `ended`, the running trial ends later.
    """

    def __init__(self, oracle: Oracle, number: int, ended: bool = True) -> None:
        self._oracle, self._number, self._ended = oracle, number, ended
        self.queue: list[tuple[Trial, Future[TrialResult]]] = []

    def submit(self, trial: Trial) -> Future[TrialResult]:
        if trial.candidate.cycle < 0:
            return self._oracle.submit(trial)
        self.queue.append((trial, Future()))
        if len(self.queue) == 1:
            self.queue[0][1].set_running_or_notify_cancel()
        if len(self.queue) == 3:
            threading.Timer(0.2, os.kill, (os.getpid(), self._number)).start()
            if self._ended:
                threading.Timer(2.0, self._end).start()
        return self.queue[-1][1]

    def _end(self) -> None:
        trial, future = self.queue[0]
        future.set_result(self._oracle.submit(trial).result())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_trial_end_drops_the_others_and_says_so(number, configure, tmp_path: Path) -> None:
    oracle = Oracle()
    slow = Slow(oracle, number)
    with pytest.raises(Interrupted):
        search(configure(*SMALL, "corpus.trials=1", "novelty=off"), tmp_path / "run", slow, grace_s=60.0)
    assert len(timeless(tmp_path / "run")) == 1
    assert [future.cancelled() for _, future in slow.queue] == [False, True, True]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    search(configure(*SMALL, "corpus.trials=1", "novelty=off"), tmp_path / "run", oracle)
    assert set(oracle.asked.values()) == {1}


def test_after_the_grace_time_the_running_trial_is_dropped_too(configure, tmp_path: Path) -> None:
    slow = Slow(Oracle(), signal.SIGTERM, ended=False)
    with pytest.raises(Interrupted):
        search(configure(*SMALL, "corpus.trials=1", "novelty=off"), tmp_path / "run", slow, grace_s=0.5)
    assert timeless(tmp_path / "run") == []
    assert len(RunFolder(tmp_path / "run").read_completions(0)) == 3


def test_a_schedulers_notice_goes_to_the_handler_that_was_there_after_all_is_saved(configure, tmp_path: Path) -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: told.append(number))
    try:
        slow = Slow(Oracle(), signal.SIGUSR2)
        with pytest.raises(Interrupted):
            search(configure(*SMALL, "corpus.trials=1", "novelty=off"), tmp_path / "run", slow, grace_s=60.0)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert told == [signal.SIGUSR2]
    assert len(timeless(tmp_path / "run")) == 1
