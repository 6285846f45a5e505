"""Cost of novelty as the archive grows: time of a verdict, memory, and the time to bring the index back.

    python tests/bench/bench_novelty.py [LARGEST]

Archives are synthetic sets of 400 shingles in FAMILIES families, whose members share 70 to 100% of a parent's: what an
archive looks like whose networks descend from few seeds. The verdict is timed on real code, parsing included.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nnloop import corpus
from nnloop.novelty.minhash import MinHashIndex
from nnloop.novelty.shingles import Shingles
from nnloop.settings import MinHashSettings

SETTINGS = MinHashSettings("tokens", "tokens", 10, 256, 0.85, 0.9)
FAMILIES = 100
SIZES = (1_000, 10_000, 100_000)
VERDICTS = 60


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for size in (size for size in SIZES if size <= largest):
        rng = np.random.default_rng(size)
        novelty = MinHashIndex(SETTINGS, SETTINGS.unit)
        parents = [rng.integers(0, 2**63, 400, dtype=np.uint64) for _ in range(FAMILIES)]
        start = time.process_time()
        for number in range(size):
            shingles = _member(parents, rng)
            novelty._known.add(str(number))
            novelty._insert(str(number), shingles, novelty._signature(shingles))
        added = time.process_time() - start
        members = [_member(parents, rng) for _ in range(VERDICTS)]
        parsed = _milliseconds(novelty, [network.code for network in corpus.seeds()])
        nearest = [_timed(novelty, member) for member in members]
        verdict = f"verdict on code {parsed:5.2f} ms, on a relative's shingles {np.median(nearest):5.2f} ms"
        costs = f"build {added:6.1f} s, resident {_resident_mb():,.0f} MB, {_restored(novelty, size)}"
        print(f"{size:>8,} known: {verdict} (worst {max(nearest):5.2f}), {costs}")


def _member(parents: list[Shingles], rng: np.random.Generator) -> Shingles:
    parent = parents[rng.integers(len(parents))]
    kept = 400 - int(rng.integers(0, 120))
    fresh = rng.integers(0, 2**63, 400 - kept, dtype=np.uint64)
    return np.sort(np.concatenate([rng.permutation(parent)[:kept], fresh]))


def _milliseconds(novelty: MinHashIndex, codes: list[str]) -> float:
    start = time.process_time()
    for code in codes:
        novelty.judge("new", code)
    return (time.process_time() - start) / len(codes) * 1e3


def _timed(novelty: MinHashIndex, shingles: Shingles) -> float:
    start = time.process_time()
    novelty._nearest(shingles)
    return (time.process_time() - start) * 1e3


def _restored(novelty: MinHashIndex, size: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signatures.npz"
        novelty.save(path)
        start = time.process_time()
        again = MinHashIndex(SETTINGS, SETTINGS.unit)
        again.restore(path)
        for number in range(size):
            again.add(str(number), "")
        return f"back in {time.process_time() - start:.1f} s from {path.stat().st_size / 1e6:,.0f} MB"


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
