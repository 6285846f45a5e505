"""Measure llm=tiny on held-out networks: the shares that apply, train and are distinct, and its speed.

    python tests/bench/tiny_quality.py [--networks 500] [--model FOLDER] [mode=full] [llm.temperature=0.7]

Every completion takes the search's own way: engine, extraction, patch, guard, sandbox, one epoch on digits. Prints one
JSON line; overrides of the config are taken as on nnloop's command line.
"""

import argparse
import functools
import json
import pathlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from hydra import compose, initialize_config_dir

from nnloop import build, corpus, data, llm, novelty
from nnloop.errors import CompletionError
from nnloop.llm.pretraining.stream import held_out_networks
from nnloop.modes import Mode
from nnloop.modes.render import delta_target
from nnloop.records import COMPLETED, Candidate, Completion, Limits, Network, Status, Trial, TrialResult, candidate_id
from nnloop.settings import Settings
from nnloop.settings.load import load

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
SEED = 1  # of the held-out networks: others than those watched in training


def main() -> None:
    arguments, overrides = _arguments()
    torch.set_num_threads(arguments.threads)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        chosen = load(compose("config", overrides=["llm=tiny", "dataset=digits", *overrides]))
    if arguments.model:
        chosen.llm = replace(chosen.llm, model=arguments.model)
    networks = [Network(candidate_id(code), code, "") for code in _networks(arguments.networks, arguments.cache)]
    mode = build.make_mode(chosen)
    start = time.perf_counter()
    completions = _complete(chosen, mode, networks)
    seconds = time.perf_counter() - start
    codes, failures = _codes(mode, networks, completions)
    results = _train(chosen, codes)
    tokens = sum(completion.generation.tokens for completion in completions)
    report = _shares(mode.name, networks, codes, results)
    speed = {"tokens": tokens, "tokens_per_s": round(tokens / seconds), "seconds": round(seconds, 1)}
    statuses = Counter(failures.values()) + Counter(result.status for result in results.values())
    print(json.dumps({"mode": mode.name, "networks": len(networks), **report, **speed, "statuses": statuses}))
    for reason, count in Counter(r.reason[:100] for r in results.values() if r.status not in COMPLETED).most_common(8):
        print(f"# {count} x {reason}")


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--model", help="a checkpoint's folder in the place of the package's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--cache", type=pathlib.Path, help="JSON file to keep the networks in: sampling 500 takes minutes"
    )
    return parser.parse_known_args()


def _networks(count: int, cache: pathlib.Path | None) -> list[str]:
    if cache and cache.exists():
        return list(json.loads(cache.read_text()))[:count]
    networks = held_out_networks(SEED, count)
    if cache:
        cache.write_text(json.dumps(networks))
    return networks


def _complete(chosen: Settings, mode: Mode, networks: list[Network]) -> list[Completion]:
    """Ask once about each network; gives the completions in its order."""
    task = build.make_task(chosen)
    engine = llm.load(chosen.llm, mode.name, len(networks))
    requests = [llm.Request(mode.prompt(net, task), net.code, 0, slot, seed=slot) for slot, net in enumerate(networks)]
    completions = sorted(engine.generate(requests), key=lambda completion: completion.slot)
    engine.close()
    return completions


def _codes(mode: Mode, networks: list[Network], done: Sequence[Completion]) -> tuple[dict[int, str], dict[int, Status]]:
    """Turn completions into candidates, by slot, and the others into statuses."""
    codes, failures = {}, {}
    for slot, (network, completion) in enumerate(zip(networks, done, strict=True)):
        try:
            codes[slot] = mode.read(completion.text, network.code).code
        except CompletionError as error:
            failures[slot] = error.status
    return codes, failures


def _train(chosen: Settings, codes: dict[int, str]) -> dict[int, TrialResult]:
    dataset = data.load(chosen.dataset)
    limits = Limits(chosen.executor.wall_s, int(chosen.executor.memory_gb * 2**30))
    with build.make_executor(chosen, dataset, pathlib.Path()) as executor:
        futures = {}
        for slot, code in codes.items():
            candidate = Candidate(candidate_id(code), code, chosen.mode.name, None, 0, slot)
            trial = Trial(candidate, chosen.dataset.name, chosen.proxy.name, chosen.proxy.epochs, slot, limits)
            futures[slot] = executor.submit(trial)
        return {slot: future.result() for slot, future in futures.items()}


def _shares(
    mode: str, networks: list[Network], codes: dict[int, str], results: dict[int, TrialResult]
) -> dict[str, Any]:
    """Give shares of all completions."""
    count = len(networks)
    changed = [slot for slot, code in codes.items() if candidate_id(code) != networks[slot].id]
    valid = [slot for slot in changed if results[slot].status in COMPLETED]
    shares: dict[str, Any] = {"applied": len(changed) / count, "valid": len(valid) / count}
    shares["distinct_networks"] = len({candidate_id(codes[slot]) for slot in valid}) / count
    if mode == "delta":
        shares["distinct_edits"] = len({_edit(networks[slot].code, codes[slot]) for slot in changed}) / count
    else:
        shares["new_to_seeds"] = sum(_is_new(codes[slot]) for slot in valid) / count
    return {name: round(share, 3) for name, share in shares.items()}


def _edit(old: str, new: str) -> str:
    """Write an edit canonically: its changed lines, without context, numbers or file names."""
    lines = delta_target(old, new, context_lines=1, line_numbers=False).splitlines()
    return "\n".join(line for line in lines if line[:1] in ("+", "-"))


def _is_new(code: str) -> bool:
    """Tell whether a network stays under the threshold to every seed, by the tokens rule."""
    return _seeds().judge(candidate_id(code), code, None).novel


@functools.cache
def _seeds() -> novelty.Novelty:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        rule = novelty.build(load(compose("config", overrides=["novelty=tokens"])).novelty)
    for seed in corpus.seeds():
        rule.add(seed.id, seed.code, None)
    return rule


if __name__ == "__main__":
    main()
