"""Kill searches at random moments, cut the power under half of them, and look what they come to in the end.

    python tests/support/kills.py KILLS [SEED]

One search is short: completions are random edits, trials are results known beforehand that come out of order. A search
that ends before its kill is held against one that was never killed, and the next one begins. Each start is a process of
its own, forked from this one, which has imported everything; SIGKILL goes to its process group.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from oracle import Oracle, search, timeless
from paths import CONF
from powercut import Disk

from nnloop.records import Trial, TrialResult
from nnloop.settings import Settings
from nnloop.settings.load import load

FEW = ("llm=random", "dataset=digits", "finetune=off", "tracker=none", "cycles=3", "candidates=8", "novelty=off")


@dataclass(slots=True)
class Tally:
    """What a campaign came to."""

    kills: int = 0
    cuts: int = 0  # kills after which all that was not fsynced was taken away, or a part of it
    searches: int = 0  # that ended and were compared
    different: int = 0
    failed: int = 0  # starts that ended with an error


class Unpunctual:
    """The oracle's answers after a random while, from threads."""

    def __init__(self, seed: int) -> None:
        self._oracle, self._rng = Oracle(), random.Random(seed)

    def submit(self, trial: Trial) -> "Future[TrialResult]":
        known = self._oracle.submit(trial).result()
        future: Future[TrialResult] = Future()
        if trial.candidate.cycle < 0:  # the corpus
            future.set_result(known)
        else:
            threading.Timer(self._rng.uniform(0, 0.1), future.set_result, (known,)).start()
        return future


def campaign(kills: int, seed: int, folder: Path) -> Tally:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", overrides=list(FEW)))
    rng, tally = random.Random(seed), Tally()
    (folder / "first").mkdir()
    search(settings, folder / "first" / "run", Oracle())  # imports what is imported late: no start has to
    started = time.monotonic()
    assert _start(settings, folder / "whole", 0, None) == 0
    length = time.monotonic() - started
    whole = timeless(folder / "whole" / "run")
    while tally.kills < kills:
        _one(settings, folder / f"search{tally.searches}", rng, length, kills, tally)
        tally.searches += 1
        tally.different += timeless(folder / f"search{tally.searches - 1}" / "run") != whole
        print(tally, file=sys.stderr, flush=True)
    return tally


def _one(settings: Settings, root: Path, rng: random.Random, length: float, kills: int, tally: Tally) -> None:
    """Run one search to its end, killed on the way as often as it happens."""
    while True:
        moment = rng.uniform(0, length) if tally.kills < kills else None
        code = _start(settings, root, rng.getrandbits(32), moment)
        if code == 0:
            return
        if code != -signal.SIGKILL:
            tally.failed += 1
            if tally.failed > 3:
                raise AssertionError(f"{root}: a start ended with code {code}")
            continue
        tally.kills += 1
        if rng.random() < 0.5:
            tally.cuts += 1
            Disk(root, root.with_name(f"{root.name}-shadow")).restore(rng if rng.random() < 0.5 else None)


def _start(settings: Settings, root: Path, seed: int, kill_after: float | None) -> int:
    """Start or continue a search in a process of its own; return its exit code."""
    root.mkdir(exist_ok=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            Disk(root, root.with_name(f"{root.name}-shadow")).install()
            search(settings, root / "run", Unpunctual(seed))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                os.kill(pid, signal.SIGKILL)  # it has no group of its own yet
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        begun = time.monotonic()
        found = campaign(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, Path(name))
        print(f"{found} in {time.monotonic() - begun:.0f} s")
        sys.exit(bool(found.different or found.failed))
