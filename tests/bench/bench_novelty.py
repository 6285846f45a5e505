"""Cost of novelty as the archive grows: time of a verdict, memory, and the time to bring the index back.

    python tests/bench/bench_novelty.py [LARGEST] [--rule graph|tokens]

Archives are synthetic sets of shingles in FAMILIES families, whose members share 70 to 100% of a parent's: what an
archive looks like whose networks descend from few seeds. Sets are as large as the seeds' are (SHINGLES). Verdicts are
timed on the seeds, parsing of the code or the graph included; tracing isn't. Ends with 1 where a bar is broken: 5 ms a
verdict, and what makes 2 GB and a minute of 100,000 networks.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from nnloop import corpus
from nnloop.novelty import GraphNovelty, SourceNovelty
from nnloop.novelty.minhash import MinHashIndex
from nnloop.novelty.shingles import Shingles
from nnloop.settings import MinHashSettings

FAMILIES = 100
SHINGLES = {"tokens": 400, "graph": 70, "statements": 30}
SIZES = (1_000, 10_000, 100_000)
VERDICTS = 60
BARS = {"verdict": 5.0, "resident": 20.0, "back": 0.6}  # ms, kB a network, ms a network


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("largest", nargs="?", type=int, default=10_000)
    parser.add_argument("--rule", choices=("graph", "tokens"), default="graph")
    arguments = parser.parse_args()
    sizes = sorted({size for size in SIZES if size <= arguments.largest} | {arguments.largest})
    broken = [name for size in sizes for name in measure(arguments.rule, size)]
    if broken:
        raise SystemExit(f"over the bar: {', '.join(broken)}")


def measure(rule: str, size: int) -> list[str]:
    """Print a line for one size and name the bars that it breaks."""
    novelty = _novelty(rule)
    before, start = _resident_kb(), time.process_time()
    families = {index: _filled(index, size) for index in _indices(novelty)}
    added, resident = time.process_time() - start, (_resident_kb() - before) / size
    back = _restored(rule, novelty, size)
    rng = np.random.default_rng(size)
    nearest = [_timed(index, _member(families[index], rng)) for index in families for _ in range(VERDICTS)]
    verdicts = [_judged(novelty, *seed) for seed in _seeds(rule)]
    costs = {"verdict": statistics.median(verdicts), "resident": resident, "back": back / size * 1e3}
    print(
        f"{rule}, {size:>7,} known: verdict {costs['verdict']:.2f} ms (worst {max(verdicts):.2f}), on a relative's "
        f"shingles {statistics.median(nearest):.2f} ms (worst {max(nearest):.2f}); added in {added:.1f} s, back in "
        f"{back:.1f} s, {resident * size / 1e3:,.0f} MB",
        flush=True,
    )
    if size <= SIZES[0]:
        costs["resident"] = 0  # the first allocations weigh more than the networks
    return [f"{name} at {size:,}: {cost:.2f}" for name, cost in costs.items() if cost >= BARS[name]]


def _novelty(rule: str) -> SourceNovelty | GraphNovelty:
    settings = MinHashSettings(rule, rule, 10, 256, 0.85, 0.9)
    return GraphNovelty(settings) if rule == "graph" else SourceNovelty(settings)


def _indices(novelty: SourceNovelty | GraphNovelty) -> list[MinHashIndex]:
    return [novelty._graphs, novelty._sources] if isinstance(novelty, GraphNovelty) else [novelty.index]


def _filled(index: MinHashIndex, size: int) -> list[Shingles]:
    """Make an index of so many networks; return the parents of its families."""
    rng = np.random.default_rng(size)
    parents = [rng.integers(0, 2**63, SHINGLES[index._unit], dtype=np.uint64) for _ in range(FAMILIES)]
    for number in range(size):
        shingles = _member(parents, rng)
        index._known.add(str(number))
        index._insert(str(number), shingles, index._signature(shingles))
    return parents


def _member(parents: list[Shingles], rng: np.random.Generator) -> Shingles:
    parent = parents[rng.integers(len(parents))]
    kept = len(parent) - int(rng.integers(0, round(0.3 * len(parent))))
    fresh = rng.integers(0, 2**63, len(parent) - kept, dtype=np.uint64)
    return np.sort(np.concatenate([rng.permutation(parent)[:kept], fresh]))


def _seeds(rule: str) -> list[tuple[str, str | None]]:
    codes = [network.code for network in corpus.seeds()]
    if rule == "tokens":
        return [(code, None) for code in codes]
    from novelty_rules import traced  # imports torch, which would count as memory before

    return [(code, traced(code)) for code in codes]


def _judged(novelty: SourceNovelty | GraphNovelty, code: str, graph: str | None) -> float:
    start = time.process_time()
    novelty.judge("new", code, graph)
    return (time.process_time() - start) * 1e3


def _timed(index: MinHashIndex, shingles: Shingles) -> float:
    start = time.process_time()
    index._nearest(shingles)
    return (time.process_time() - start) * 1e3


def _restored(rule: str, novelty: SourceNovelty | GraphNovelty, size: int) -> float:
    """Seconds until the index is back from what was saved."""
    with tempfile.TemporaryDirectory() as folder:
        novelty.save(Path(folder))
        start = time.process_time()
        again = _novelty(rule)
        again.restore(Path(folder))
        for number in range(size):
            again.add(str(number), "", "")
        return time.process_time() - start


def _resident_kb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e3


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
