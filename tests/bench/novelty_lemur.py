"""What each novelty rule sees of one edit of LEMUR's networks, and of LEMUR's networks one after the other.

    python tests/bench/novelty_lemur.py WHEEL [--edits 12] [--networks 40] [--seed 1]

WHEEL is nn-dataset 2.1.2. Networks are taken in random order from those with results on CIFAR-10; the first `networks`
that build at 32x32 are the sample. Every network is built and traced in a sandbox, untrained; an edit that doesn't
build is replaced by another. Prints novelty_rules.py's columns, and how many of the sample are novel beside the
networks before them.
"""

import argparse
import ast
import functools
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from novelty_rules import UNITS, cell, heading

from nnloop import build, novelty
from nnloop.corpus.lemur import TrialKind, read
from nnloop.data import Dataset
from nnloop.executor.local import LocalExecutor
from nnloop.novelty.shingles import jaccard, shingle
from nnloop.records import Candidate, Limits, Trial, candidate_id
from nnloop.settings.load import load

CONF = Path(__file__).resolve().parents[2] / "conf"
RULES = ("tokens", "chars", "graph")
Trace = Callable[[str], str | None]
Pair = tuple[str, str]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--edits", type=int, default=12)
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with executor() as judge:
        trace = functools.cache(functools.partial(traced, judge))
        sample = draw(arguments.wheel, arguments.networks, arguments.seed, trace)
        print(heading(), flush=True)
        for name, edit in EDITS.items():
            print(f"| {name} | {row(edit, name, sample, arguments.edits, trace)} |", flush=True)
        for rule in RULES:
            print(f"novel beside those before, {rule}: {admitted(rule, sample, trace)} of {len(sample)}", flush=True)


def executor() -> LocalExecutor:
    """One for which any network is too large: it is built and traced, and not trained."""
    overrides = ["dataset=cifar10", "proxy=fast", "executor.workers=1", "mode.max_params=1"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", overrides=overrides))
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(20) % 10
    dataset = Dataset("cifar10", images, labels, images, labels[:10], labels[10:], "bench")
    return build.make_executor(settings, dataset, Path())


def traced(judge: LocalExecutor, code: str) -> str | None:
    candidate = Candidate("bench", code, "given", None, 0, 0)
    return judge.submit(Trial(candidate, "cifar10", "fast", 1, 0, Limits(60.0, 4 << 30))).result().graph


def draw(wheel: Path, count: int, seed: int, trace: Trace) -> list[str]:
    """Give the sources of the first networks, in random order, of which there is a graph."""
    sources = read(wheel, TrialKind("img-classification", "cifar-10", "acc", 1))
    random.Random(seed).shuffle(sources)
    sample: list[str] = []
    tried = 0
    while len(sample) < count and tried < len(sources):
        code = sources[tried].code
        tried += 1
        if trace(code) is not None:
            sample.append(code)
    print(f"{len(sample)} of {tried} tried build; {len(sources)} in all, seed {seed}", file=sys.stderr)
    return sample


def row(edit: "Edit", name: str, sample: list[str], count: int, trace: Trace) -> str:
    pairs = list(_pairs(edit, name, sample, count, trace))
    print(f"{name}: {len(pairs)} edits", file=sys.stderr, flush=True)
    overlaps = {unit: [_overlap(unit, pair, trace) for pair in pairs] for unit in UNITS}
    return " | ".join(cell(values) if values else " | " for values in overlaps.values())


def _pairs(edit: "Edit", name: str, sample: list[str], count: int, trace: Trace) -> Iterator[Pair]:
    """Draw (network, network after one edit), the networks in turn."""
    rng = random.Random(name)
    made = 0
    for old in sample * 3:
        new = edit(old, rng)
        if new is not None and new != old and trace(new) is not None:
            made += 1
            yield old, new
        if made == count:
            return


def _overlap(unit: str, pair: Pair, trace: Trace) -> float:
    one, other = (shingle((trace(text) or "") if unit == "graph" else text, unit, 10) for text in pair)
    if one is None or other is None:
        raise ValueError(f"a network without {unit}")
    return jaccard(one, other)


def admitted(rule: str, sample: list[str], trace: Trace) -> int:
    """Count the networks that are novel beside those before them."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        known = novelty.build(load(compose("config", overrides=[f"novelty={rule}"])).novelty)
    novel = 0
    for code in sample:
        novel += known.judge(candidate_id(code), code, trace(code)).novel
        known.add(candidate_id(code), code, trace(code))
    return novel


Edit = Callable[[str, random.Random], str | None]


def _change(old: str, new: str) -> Edit:
    """An edit that rewrites one place where a pattern matches."""

    def edit(code: str, rng: random.Random) -> str | None:
        places = list(re.finditer(old, code))
        if not places:
            return None
        place = rng.choice(places)
        return code[: place.start()] + place.expand(new) + code[place.end() :]

    return edit


def _width(code: str, rng: random.Random) -> str | None:
    """Make one number of channels larger by 8 wherever it stands in the constructors' calls."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    given = [value for call in calls for value in (*call.args, *(each.value for each in call.keywords))]
    numbers = sorted({v.value for v in given if isinstance(v, ast.Constant) and type(v.value) is int and v.value >= 16})
    if not numbers:
        return None
    width = rng.choice(numbers)
    return re.sub(rf"(?<![\w.]){width}(?![\w.])", str(width + 8), code)


def _rename(code: str, rng: random.Random) -> str | None:
    """Give one attribute of self another name: no change at all to what the network computes."""
    names = sorted(set(re.findall(r"\bself\.([a-z]\w*) = nn\.", code)))
    if not names:
        return None
    name = rng.choice(names)
    return re.sub(rf"\bself\.{name}\b", f"self.own_{name}", code)


EDITS: dict[str, Edit] = {
    "width": _width,
    "kernel": _change(r"kernel_size=3, (.*?)padding=1", r"kernel_size=5, \1padding=2"),
    "activation": _change(r"nn\.ReLU\((?:inplace=True)?\)|nn\.GELU\(\)", "nn.SiLU()"),
    "normalisation": _change(r"nn\.BatchNorm2d\(([\w.]+)\)", r"nn.InstanceNorm2d(\1, affine=True)"),
    "pooling": _change(r"nn\.MaxPool2d\(", "nn.AvgPool2d("),
    "dropout": _change(r"nn\.Dropout(2d)?\([^()]*\)", r"nn.Dropout\1(0.35)"),
    "removal": _change(r"nn\.(ReLU|GELU|SiLU|BatchNorm2d|Dropout2?d?)\([^()]*\)", "nn.Identity()"),
    "rename": _rename,
}


if __name__ == "__main__":
    main()
