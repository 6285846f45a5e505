"""Warm a small real LLM up on short deltas, and count what its completions come to before and after.

    python tests/bench/warm_up.py MODEL FOLDER [--pairs 256] [--completions 64] [--minutes 10] [llm.temperature=0.5 ...]

MODEL is a hub id, a folder or a GGUF file. Four searches of one cycle on digits: the bare LLM and the warmed-up one,
each at mode.fuzz=0 and 2. A search's completions are written once and replayed at the other fuzz, so that nothing
differs but the rule. Pairs are single edits of the seeds, as diffs; training ends after the minutes, whatever is left.
Prints a Markdown table of statuses, and the seconds.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time
from collections import Counter

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from hydra import compose, initialize_config_dir

from nnloop.corpus.edits import random_edit
from nnloop.llm.finetune import finetune
from nnloop.llm.hf import HfEngine
from nnloop.modes.make import make_mode, make_task
from nnloop.modes.pairs import TrainingPair
from nnloop.records import Network, candidate_id
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings
from nnloop.settings.load import load

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
SEED = 0


def main() -> None:
    arguments, overrides = _arguments()
    folder = arguments.folder.resolve()
    llm = [f"llm.model={arguments.model}", *(one for one in overrides if not one.startswith("finetune."))]
    search = ["dataset=digits", "mode=delta", "finetune=off", "cycles=1", f"candidates={arguments.completions}"]
    common = [*search, "tracker=none", "executor.workers=2", f"seed={SEED}"]
    rows = _searches("bare", folder, ["llm=smollm2", *llm], common)
    settings = _settings(["llm=smollm2", f"llm.model={arguments.model}", *overrides, *search[:2], "tracker=none"])
    pairs = _pairs(settings, RunFolder(folder / "bare-0").corpus(), arguments.pairs)
    tuned = _warm_up(settings, pairs, folder / "adapter", arguments.minutes)
    rows |= _searches("warm", folder, ["llm=smollm2", *llm, f"llm.adapter={folder / 'adapter'}"], common)
    _print(rows, tuned)


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--completions", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10.0)
    return parser.parse_known_args()


def _settings(overrides: list[str]) -> Settings:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return load(compose("config", overrides=overrides))


def _searches(name: str, folder: pathlib.Path, llm: list[str], common: list[str]) -> dict[str, Counter[str]]:
    """Run the search at fuzz 0, and replay its completions at fuzz 2; returns the statuses of each."""
    strict, fuzzy = folder / f"{name}-0", folder / f"{name}-2"
    _run([*llm, *common, "mode.fuzz=0"], strict)
    texts = folder / f"{name}.jsonl"
    written = RunFolder(strict).read_completions(0)
    texts.write_text("".join(json.dumps({"text": written[slot].text}) + "\n" for slot in sorted(written)))
    _run(["llm=scripted", f"llm.path={texts}", *common, "mode.fuzz=2"], fuzzy)
    return {f"{name}, fuzz {fuzz}": _statuses(path) for fuzz, path in ((0, strict), (2, fuzzy))}


def _run(overrides: list[str], folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "nnloop", *overrides, f"hydra.run.dir={folder}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def _statuses(folder: pathlib.Path) -> Counter[str]:
    return Counter(str(entry.status) for entry in RunFolder(folder).entries())


def _pairs(settings: Settings, networks: list[Network], count: int) -> list[TrainingPair]:
    """Pairs of a seed with a single edit of it, the shortest prompts first."""
    mode, task, rng = make_mode(settings), make_task(settings), random.Random(SEED)
    parents = sorted(networks, key=lambda network: len(network.code))
    pairs = []
    while len(pairs) < count:
        parent = parents[len(pairs) % len(parents)]
        code = random_edit(parent.code, rng)
        if mode.suits(parent.code, code):
            pairs.append(mode.pair(parent, Network(candidate_id(code), code, ""), task))
    return pairs


def _warm_up(settings: Settings, pairs: list[TrainingPair], folder: pathlib.Path, minutes: float) -> str:
    """Tune in parts until the time is over; returns what was done."""
    engine = HfEngine(settings.llm, "delta")
    start, parent, done, result = time.perf_counter(), None, 0, None
    size = 32
    while done < len(pairs) and (time.perf_counter() - start) / 60 < minutes:
        part = folder if done + size >= len(pairs) else folder.with_name(f"adapter-{done}")
        part_of = pairs[done : done + size]
        result = finetune(engine, part_of, settings=settings.finetune, folder=part, parent=parent, seed=SEED)
        parent, done = part, done + len(part_of)
        print(f"{done} pairs, loss {result.loss:.2f}, {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if parent is not None and parent != folder:
        parent.rename(folder)
    seconds, tokens = time.perf_counter() - start, result.tokens if result else 0
    return f"{done} pairs, {seconds:.0f} s, loss {result.loss:.2f} in the last part" if tokens else "nothing"


def _print(rows: dict[str, Counter[str]], tuned: str) -> None:
    names = sorted({name for row in rows.values() for name in row})
    print(f"warm-up: {tuned}\n")
    print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for label, row in rows.items():
        print(f"| {label} | {' | '.join(str(row[name]) for name in names)} |")


if __name__ == "__main__":
    main()
