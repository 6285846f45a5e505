"""What never losing a run costs: seconds to go on after a kill, journalling a candidate, an archive opened again.

    python tests/bench/bench_resume.py [LARGEST] [RESTARTS]

- Restart: `python -m nnloop llm=tiny dataset=digits` is killed in the middle of a cycle; the time from the same command
  to the first line that it adds to the completions, imports and all.
- Journalling: time in the calls that make a run durable, of a search whose trials and completions cost nothing.
- Opening: an archive of LARGEST (10,000) networks as a kill leaves it, its novelty index a twentieth behind; the
  sources are our seed networks', the shingles in the index synthetic.
"""

import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from entries import entry  # noqa: E402
from hydra import compose, initialize_config_dir  # noqa: E402
from instant import judged, search  # noqa: E402

from nnloop import corpus, novelty  # noqa: E402
from nnloop.loop import archive  # noqa: E402
from nnloop.loop import search as search_job  # noqa: E402
from nnloop.loop.archive import Archive  # noqa: E402
from nnloop.records import Status, TrialResult  # noqa: E402
from nnloop.runs import durable  # noqa: E402
from nnloop.runs.folder import RunFolder  # noqa: E402
from nnloop.settings import MinHashSettings, Settings  # noqa: E402
from nnloop.settings.load import load  # noqa: E402

RULE = MinHashSettings("tokens", "tokens", 10, 256, 0.85, 0.9)
COMMAND = (sys.executable, "-m", "nnloop", "llm=tiny", "dataset=digits", "tracker=none", "candidates=200", "cycles=1")
DURABLE: tuple[tuple[Any, str], ...] = (
    (durable.Journal, "append"),
    (durable.Journal, "sync"),
    (archive, "write_new"),
    (archive, "sync_folder"),
    (search_job, "write_json"),
)


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    restarts = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as name:
        print(journalling(Path(name) / "journal"), flush=True)
        print(opening(Path(name) / "large", largest), flush=True)
        print(restarting(Path(name), restarts), flush=True)


def journalling(folder: Path, candidates: int = 100) -> str:
    with timed() as spent:
        run = search(_configure, folder, "llm=random", "finetune=off", "cycles=2", f"candidates={candidates}")
    count = len(run.entries())
    return f"journalling: {sum(spent) / count * 1e3:.2f} ms a candidate ({count} of them)"


@contextmanager
def timed() -> Iterator[list[float]]:
    """Seconds of every outermost call of what makes things durable."""
    spent: list[float] = []
    inside = [False]

    def watch(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if inside[0]:
                return real(*arguments, **named)
            inside[0], started = True, time.perf_counter()
            try:
                return real(*arguments, **named)
            finally:
                inside[0] = False
                spent.append(time.perf_counter() - started)

        return call

    before = [(owner, name, getattr(owner, name)) for owner, name in DURABLE]
    for owner, name, real in before:
        setattr(owner, name, watch(real))
    try:
        yield spent
    finally:
        for owner, name, real in before:
            setattr(owner, name, real)


def opening(folder: Path, size: int) -> str:
    run = _large(folder, size)
    started = time.perf_counter()
    opened = Archive(run, novelty.build(RULE), judged())
    seconds = time.perf_counter() - started
    assert len(opened.entries) == size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"opening: {size:,} candidates in {seconds:.1f} s, {peak:.1f} GB at the peak of this process"


def _large(folder: Path, size: int) -> RunFolder:
    """Write what a search of that many candidates leaves when it is killed just before its index is saved again."""
    run = RunFolder(folder)
    (folder / "code").mkdir(parents=True)
    rng = np.random.default_rng(0)
    codes, saved = [network.code for network in corpus.seeds()], novelty.SourceNovelty(RULE)
    parent = corpus.seeds()[0].id
    with run.archive.open("w") as lines:
        for number in range(size):
            id = f"{number:016x}"
            run.code(id).write_text(f"{codes[number % len(codes)]}\n# {number}\n")
            result = TrialResult(Status.OK, val_accuracy=0.5, params=1000)
            facts = {"cycle": number // 1000, "slot": number % 1000, "parent": parent}
            lines.write(entry(id, result=result, admitted=True, selected=True, facts=facts).line() + "\n")
            if number < size * 20 // 21:
                shingles = np.sort(rng.integers(0, 2**63, 400, dtype=np.uint64))
                saved.index._insert(id, shingles, saved.index._signature(shingles))
    saved.save(run.novelty)
    return run


def restarting(folder: Path, restarts: int) -> str:
    seconds = [_until_a_new_line(folder, more=4) for _ in range(restarts + 1)][1:]
    listed = ", ".join(f"{each:.1f}" for each in seconds)
    return f"restart: {statistics.median(seconds):.1f} s to the first new candidate ({listed})"


def _until_a_new_line(folder: Path, more: int) -> float:
    """Start or continue the search, SIGKILL it after so many further completions; return seconds to the first."""
    before, started = _lines(folder), time.perf_counter()
    pipe = subprocess.PIPE
    process = subprocess.Popen(COMMAND, cwd=folder, start_new_session=True, stdout=pipe, stderr=pipe)
    first = None
    while (now := _lines(folder)) < before + more:
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[1].decode())
        if first is None and now > before:
            first = time.perf_counter() - started
        time.sleep(0.01)
    first = first or time.perf_counter() - started
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return first


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("outputs/*/*/completions/*.jsonl"))


def _configure(*overrides: str) -> Settings:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return load(compose("config", overrides=list(overrides)))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
