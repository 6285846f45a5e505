"""How completions end when they are patched: exactly, up to white space, or refused by which rule.

    python tests/bench/apply_rates.py [--count 1000] [--networks 200] [--save FILE.jsonl] [llm=tiny llm.temperature=1.0]

Asks an LLM in mode=delta about held-out networks and applies what it writes. Prints one JSON line; overrides of the
config are taken as on nnloop's command line. `--read FILE.jsonl` judges saved completions instead.
"""

import argparse
import json
import pathlib
import re
from collections import Counter

from hydra import compose, initialize_config_dir

from nnloop import build, llm
from nnloop.errors import CompletionError
from nnloop.llm.pretraining.stream import held_out_networks
from nnloop.modes.parse import extract_delta, tidy
from nnloop.patching.patch import PatchError, apply_patch
from nnloop.records import Network, candidate_id
from nnloop.settings.load import load

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
SEED = 2  # of the held-out networks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("--read", type=pathlib.Path)
    arguments, overrides = parser.parse_known_args()
    if arguments.read:
        answers = [json.loads(line) for line in arguments.read.read_text(encoding="utf-8").splitlines()]
    else:
        answers = ask(arguments.count, arguments.networks, overrides)
    if arguments.save:
        arguments.save.write_text("".join(f"{json.dumps(answer)}\n" for answer in answers), encoding="utf-8")
    ends = Counter(judge(parent, text) for parent, text in answers)
    print(json.dumps({"overrides": overrides, "completions": len(answers), **dict(ends.most_common())}))


def ask(count: int, networks: int, overrides: list[str]) -> list[tuple[str, str]]:
    """Return (parent, completion) pairs."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        chosen = load(compose("config", overrides=["llm=tiny", "dataset=digits", "mode=delta", *overrides]))
    mode, task = build.make_mode(chosen), build.make_task(chosen)
    shown = [Network(candidate_id(code), code, "") for code in held_out_networks(SEED, networks)]
    engine = llm.load(chosen.llm, mode.name, count)
    requests = []
    for slot in range(count):
        network = shown[slot % len(shown)]
        requests.append(llm.Request(mode.prompt(network, task), network.code, 0, slot, seed=slot))
    answers = [(requests[each.slot].parent_code, each.text) for each in engine.generate(requests)]
    engine.close()
    return answers


def judge(parent: str, text: str) -> str:
    """Name the way a completion is applied, or the rule that refuses it."""
    try:
        patched = apply_patch(tidy(parent), extract_delta(text))
    except (CompletionError, PatchError) as error:
        kind = error.kind if isinstance(error, PatchError) else error.status
        rule = re.sub(r"^hunk \d+ of \d+: ", "", error.reason)
        rule = re.sub(r"'.*'|\".*\"", "...", rule)
        return f"{kind}: {re.sub(r'[(].*|announces.*', '', rule)}".strip()
    hows = {each.how for each in patched.placements}
    return "applied: " + next(how for how in ("white space", "number", "repeated", "exact") if how in hows)


if __name__ == "__main__":
    main()
