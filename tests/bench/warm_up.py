"""Warm a small real LLM up on short deltas, and count what its completions come to before and after.

    python tests/bench/warm_up.py MODEL FOLDER [--pairs 256] [--completions 64] [--minutes 10] [finetune.epochs=1 ...]

MODEL is a hub id, a folder or a GGUF file. Four searches of one cycle on digits: the bare LLM and the warmed-up one,
each at mode.fuzz=0 and 2. A search's completions are written once and replayed at the other fuzz, so that nothing
differs but the rule. Pairs are single edits of the seeds, as diffs, at most so many as the minutes of two cores allow.
Overrides of the config are taken as on nnloop's command line. Prints a Markdown table of statuses, and the seconds.
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from hydra import compose, initialize_config_dir

from nnloop.corpus.edits import random_edit
from nnloop.llm.finetune import finetune
from nnloop.llm.hf import HfEngine
from nnloop.llm.stopping import Ending
from nnloop.modes.make import make_mode, make_task
from nnloop.modes.pairs import TrainingPair
from nnloop.records import Completion, Network, candidate_id
from nnloop.runs.folder import RunFolder
from nnloop.settings import HfLlmSettings, LoraSettings, Settings
from nnloop.settings.command import prepare
from nnloop.settings.load import load

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
SEED = 0
CORES = 2
"""Whose minutes are meant; the machine's other work does not count."""
FEW = 8
"""Pairs that tell how long one takes."""


def main() -> None:
    arguments, overrides = _arguments()
    folder = arguments.folder.resolve()
    llm = [
        "llm=smollm2",
        f"llm.model={arguments.model}",
        *(one for one in overrides if not one.startswith("finetune.")),
    ]
    common = ["dataset=digits", "mode=delta", "cycles=1", f"candidates={arguments.completions}"]
    common += ["tracker=none", "executor.workers=2", f"seed={SEED}"]
    rows = _searches("bare", folder, llm, [*common, "finetune=off"])
    settings = _settings(["llm=smollm2", f"llm.model={arguments.model}", *overrides, *common])
    tuned = _warm_up(settings, RunFolder(folder / "bare-0").corpus(), folder / "adapter", arguments=arguments)
    rows |= _searches("warm", folder, [*llm, f"llm.adapter={folder / 'adapter'}"], [*common, "finetune=off"])
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
        return load(compose("config", overrides=prepare(overrides)))


def _searches(name: str, folder: pathlib.Path, llm: list[str], common: list[str]) -> dict[str, Counter[str]]:
    """Run the search at fuzz 0, and replay its completions at fuzz 2; returns the statuses of each."""
    strict, fuzzy = folder / f"{name}-0", folder / f"{name}-2"
    _run([*llm, *common, "mode.fuzz=0"], strict)
    texts = folder / f"{name}.jsonl"
    written = RunFolder(strict).read_completions(0)
    texts.write_text("".join(_line(written[slot]) for slot in sorted(written)))
    _run(["llm=scripted", f"llm.path={texts}", *common, "mode.fuzz=2"], fuzzy)
    return {f"{name}, fuzz {fuzz}": _statuses(path) for fuzz, path in ((0, strict), (2, fuzzy))}


def _line(completion: Completion) -> str:
    """Write a line from which llm=scripted gives the same completion, with the reason of its end."""
    of = completion.generation
    ending = Ending.LIMIT if of.truncated else Ending.LOOP if of.looped else Ending.ANSWER
    return json.dumps({"text": completion.text, "ending": ending}) + "\n"


def _run(overrides: list[str], folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "nnloop", *overrides, f"hydra.run.dir={folder}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def _statuses(folder: pathlib.Path) -> Counter[str]:
    return Counter(str(entry.status) for entry in RunFolder(folder).entries())


def _warm_up(
    settings: Settings, networks: Sequence[Network], folder: pathlib.Path, *, arguments: argparse.Namespace
) -> str:
    """Tune once on as many pairs as the minutes allow, by the time that a first few take; returns what was done."""
    assert isinstance(settings.llm, HfLlmSettings)
    assert isinstance(settings.finetune, LoraSettings)
    engine = HfEngine(settings.llm, "delta")
    pairs = _pairs(settings, networks, arguments.pairs, engine.count)
    few, once = pairs[:FEW], replace(settings.finetune, epochs=1)
    start = time.process_time()
    finetune(engine, few, settings=once, folder=folder.with_name("few"), parent=None, seed=SEED)
    each = (time.process_time() - start) / len(few) * settings.finetune.epochs
    pairs = pairs[: int(CORES * 60 * arguments.minutes / each)]
    print(f"{each:.2f} s of a core a pair: {len(pairs)} pairs", file=sys.stderr, flush=True)
    start = time.process_time()
    result = finetune(engine, pairs, settings=settings.finetune, folder=folder, parent=None, seed=SEED)
    return (
        f"{result.pairs} pairs, {settings.finetune.epochs} epochs, {result.steps} steps, {result.tokens} tokens,"
        f" loss {result.loss:.3f}, of held-out pairs {result.held_out_loss_before:.3f} -> {result.held_out_loss:.3f},"
        f" {(time.process_time() - start) / CORES:.0f} s of {CORES} cores"
    )


def _pairs(
    settings: Settings, networks: Sequence[Network], count: int, tokens: Callable[[str], int]
) -> list[TrainingPair]:
    """Make pairs of a network with a single edit of it; the networks take turns."""
    mode, task, rng = make_mode(settings), make_task(settings), random.Random(SEED)
    pairs: list[TrainingPair] = []
    for parent in itertools.cycle(networks):
        if len(pairs) == count:
            break
        code = random_edit(parent.code, rng)
        if mode.suits(parent.code, code, tokens):
            pairs.append(mode.pair(parent, Network(candidate_id(code), code, ""), task))
    return pairs


def _print(rows: dict[str, Counter[str]], tuned: str) -> None:
    names = sorted({name for row in rows.values() for name in row})
    print(f"warm-up: {tuned}\n")
    print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for label, row in rows.items():
        print(f"| {label} | {' | '.join(str(row[name]) for name in names)} |")


if __name__ == "__main__":
    main()
