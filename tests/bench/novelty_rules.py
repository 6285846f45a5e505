"""What each novelty rule sees of one structural edit, by operator, and of a rename, on the seed networks.

    python tests/bench/novelty_rules.py [EDITS]

Prints a table: median Jaccard to the network before the edit, and the share of edits that are novel at 0.90. The graph
rule's fallback, statements, has a column of its own. The seeds are ours, so they are built and traced right here.
"""

import random
import re
import statistics
import sys

from nnloop import compat, corpus
from nnloop.corpus.edits import OPERATORS, apply_operator
from nnloop.novelty.shingles import jaccard, shingle

compat.ensure_torchvision_imports()
import torch  # noqa: E402

from nnloop.training.operator_graph import trace  # noqa: E402

THRESHOLD = 0.90
UNITS = ("tokens", "chars", "statements", "graph")
SHAPE = (2, 3, 16, 16)


def main() -> None:
    edits = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    torch.set_num_threads(1)
    print(heading())
    for name in [*OPERATORS, "rename"]:
        pairs = _pairs(name, edits)
        cells = [cell([_overlap(unit, old, new) for old, new in pairs]) for unit in UNITS]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def heading() -> str:
    return (
        f"| edit | {' | novel | '.join(f'{unit}: J' for unit in UNITS)} | novel |\n"
        + "|---" * (2 * len(UNITS) + 1)
        + "|"
    )


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
    texts = (traced(old), traced(new)) if unit == "graph" else (old, new)
    before, after = (shingle(text, unit, 10) for text in texts)
    if before is None or after is None:
        raise ValueError("a seed network without shingles")
    return jaccard(before, after)


def traced(code: str) -> str:
    module: dict[str, type[torch.nn.Module]] = {}
    exec(code, module)
    net = module["Net"](SHAPE, (10,), {"lr": 0.1, "momentum": 0.9, "dropout": 0.1}, torch.device("cpu"))
    sample = torch.zeros(SHAPE)
    with torch.no_grad():
        net(sample)  # lazy layers get their shapes
    graph = trace(net, sample)
    if graph is None:
        raise ValueError("a seed network without a graph")
    return graph


def cell(values: list[float]) -> str:
    novel = sum(value < THRESHOLD for value in values) / len(values)
    return f"{statistics.median(values):.3f} | {novel:.0%}"


if __name__ == "__main__":
    main()
