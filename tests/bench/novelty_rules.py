"""What each novelty rule sees of one structural edit, by operator, and of a rename, on the seed networks.

    python tests/bench/novelty_rules.py [EDITS]

Prints a table: median Jaccard to the network before the edit, and the share of edits that are novel at 0.90.
"""

import random
import re
import statistics
import sys

from nnloop import corpus
from nnloop.corpus.edits import OPERATORS, apply_operator
from nnloop.novelty.shingles import jaccard, shingle

THRESHOLD = 0.90


def main() -> None:
    edits = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print("| edit | tokens: J | novel | chars: J | novel |\n|---|---|---|---|---|")
    for name in [*OPERATORS, "rename"]:
        pairs = _pairs(name, edits)
        cells = [_cell([_overlap(unit, old, new) for old, new in pairs]) for unit in ("tokens", "chars")]
        print(f"| {name} | {' | '.join(cells)} |")


def _pairs(name: str, count: int) -> list[tuple[str, str]]:
    """Draw (network, network after one edit); some operators don't apply to some networks."""
    rng = random.Random(name)
    codes = [network.code for network in corpus.seeds()]
    pairs: list[tuple[str, str]] = []
    for _ in range(20 * count):
        old = rng.choice(codes)
        new = _renamed(old) if name == "rename" else apply_operator(name, old, rng)
        if new is not None and new != old:
            pairs.append((old, new))
        if len(pairs) == count:
            break
    return pairs


def _renamed(code: str) -> str:
    """Give the network's main attribute another name: no change at all to what it computes."""
    return re.sub(r"\bself\.net\b", "self.layers", code)


def _overlap(unit: str, old: str, new: str) -> float:
    before, after = shingle(old, unit, 10), shingle(new, unit, 10)
    if before is None or after is None:
        raise ValueError("a seed network without shingles")
    return jaccard(before, after)


def _cell(values: list[float]) -> str:
    novel = sum(value < THRESHOLD for value in values) / len(values)
    return f"{statistics.median(values):.3f} | {novel:.0%}"


if __name__ == "__main__":
    main()
