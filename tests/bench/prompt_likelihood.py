"""Compare two sets of prompts by what a real LLM does under each: its likelihood of right answers, and its own answers.

    python tests/bench/prompt_likelihood.py --model FOLDER [--sets tiny chat] [--first 0] [--networks 20] \
        [--answers 10] [--sampled 64] [--tokens 192] [mode=full] [llm.diff_context=1]

Right answers are edits of our seeds by the structural operators, in the form that the fine-tune would teach. Each has
its log-likelihood per token under both prompts; differences are paired, and the interval is Student's t over the means
of the networks shown, since answers to one prompt are alike. Sampled answers are in the format asked for if its tags
stand on lines of their own, in order, around a diff (mode=full: a program that parses, with a class Net). The model is
a folder with a chat template, run on one thread; overrides of the config are taken as on nnloop's command line.
"""

import argparse
import copy
import json
import pathlib
import random
import re
import time
from collections.abc import Iterator, Sequence

import torch
from hydra import compose, initialize_config_dir
from torch.nn import functional

from nnloop import corpus
from nnloop.corpus.edits import mutate
from nnloop.errors import CompletionError
from nnloop.llm.chat import Example
from nnloop.llm.engine import Request
from nnloop.llm.hf import HfEngine
from nnloop.modes import Mode
from nnloop.modes.make import make_mode, make_task
from nnloop.modes.parse import extract_code
from nnloop.modes.render import Task
from nnloop.records import Network, candidate_id
from nnloop.settings import HfLlmSettings, Settings
from nnloop.settings.command import prepare
from nnloop.settings.load import load
from nnloop.stats import student_mean, wilson

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
EDITS = {"delta": 1, "full": 3}


def main() -> None:
    arguments, overrides = _arguments()
    torch.set_num_threads(1)
    given = ["llm=qwen", "dataset=cifar10", f"llm.model={arguments.model}", "llm.device=cpu", "llm.dtype=bfloat16"]
    given += ["llm.context_length=4096", *(f"llm.max_new_tokens.{mode}={arguments.tokens}" for mode in EDITS)]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", overrides=prepare([*given, "llm.batch_size=16", *overrides])))
    assert isinstance(settings.llm, HfLlmSettings)
    engine, task = HfEngine(settings.llm, settings.mode.name), make_task(settings)
    modes = [make_mode(_asked_by(settings, name)) for name in arguments.sets]
    networks = corpus.seeds()[arguments.first :][: arguments.networks]
    about = {"model": pathlib.Path(arguments.model).name, "mode": settings.mode.name, "sets": arguments.sets}
    if networks:
        told = _likelihoods(engine, modes, task, networks, answers=arguments.answers)
        _tell({**about, "overrides": overrides, **told})
    for name, mode in zip(arguments.sets, modes, strict=True):
        if arguments.sampled:
            shares = _sampled(engine, mode, task, corpus.seeds(), count=arguments.sampled)
            _tell({**about, "sets": [name], "overrides": overrides, **shares})


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--sets", nargs=2, default=["tiny", "chat"])
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="network, so that several calls can share the work")
    parser.add_argument("--answers", type=int, default=10, help="for each network")
    parser.add_argument("--sampled", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=192, help="of a sampled answer")
    return parser.parse_known_args()


def _tell(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


def _asked_by(settings: Settings, prompt: str) -> Settings:
    settings = copy.deepcopy(settings)
    settings.mode.prompt = prompt
    return settings


def _likelihoods(
    engine: HfEngine, modes: Sequence[Mode], task: Task, networks: Sequence[Network], *, answers: int
) -> dict[str, object]:
    """Return nats a token under each set, their paired difference with its interval, and tokens of the prompts."""
    start, each, totals, lengths = time.perf_counter(), [], [[], []], [[], []]
    for network in networks:
        better = list(_edited(network, modes[0], answers))
        under = []
        for which, mode in enumerate(modes):
            pairs = [mode.pair(network, other, task) for other in better]
            examples = [engine.chat.encode_pair(pair.prompt, pair.completion, ends=engine.ends) for pair in pairs]
            under.append(_log_likelihoods(engine, examples))
            totals[which] += under[-1]
            lengths[which].append(len(examples[0].prompt))
        each.append(sum(b - a for a, b in zip(*under, strict=True)) / len(better))
    return {
        "answers": len(totals[0]),
        "nats_per_token": [round(-sum(one) / len(one), 4) for one in totals],
        "gain": student_mean(each).to_json() if len(each) > 1 else each,
        "gains": [round(one, 5) for one in each],  # of each network
        "better_share": round(sum(b > a for a, b in zip(*totals, strict=True)) / len(totals[0]), 3),
        "prompt_tokens": [round(sum(one) / len(one)) for one in lengths],
        "seconds": round(time.perf_counter() - start),
    }


def _edited(network: Network, mode: Mode, count: int) -> Iterator[Network]:
    rng = random.Random(f"right answers/{network.name}")
    for _ in range(count):
        code = mutate(network.code, rng, EDITS[mode.name])
        while candidate_id(code) == network.id:
            code = mutate(network.code, rng, EDITS[mode.name])
        yield Network(candidate_id(code), code, "")


@torch.inference_mode()
def _log_likelihoods(engine: HfEngine, examples: Sequence[Example]) -> list[float]:
    """Return the mean log-probability of each completion's tokens; the prompt, which all share, is computed once."""
    model, prompt = engine.bare(), examples[0].prompt
    cache = model(input_ids=torch.tensor([prompt[:-1]]), logits_to_keep=1).past_key_values
    cache.batch_repeat_interleave(len(examples))
    width = max(len(example.completion) for example in examples)
    padded = [example.completion + [0] * (width - len(example.completion)) for example in examples]
    ids = torch.tensor([[prompt[-1], *completion[:-1]] for completion in padded])
    logits = model(input_ids=ids, past_key_values=cache).logits  # (B, T, V)
    return [
        -float(functional.cross_entropy(row[: len(one.completion)].float(), torch.tensor(one.completion)))
        for row, one in zip(logits, examples, strict=True)
    ]


def _sampled(engine: HfEngine, mode: Mode, task: Task, networks: Sequence[Network], *, count: int) -> dict[str, object]:
    """Sample answers, one network after the other, and count those in the format asked for."""
    start = time.perf_counter()
    requests = []
    for slot in range(count):
        network = networks[slot % len(networks)]
        requests.append(Request(mode.prompt(network, task), network.code, cycle=0, slot=slot, seed=slot))
    good, usable, tokens = 0, 0, 0
    for completion in engine.generate(sorted(requests, key=lambda request: len(request.prompt.text))):
        good += in_format(mode.form, completion.text)
        tokens += completion.generation.tokens
        try:
            mode.code(completion.text, requests[completion.slot].parent_code)
            usable += 1
        except CompletionError:
            pass
    return {
        "sampled": count,
        "in_format": wilson(good, count).to_json(),
        "candidates": wilson(usable, count).to_json(),
        "tokens": round(tokens / count),
        "seconds": round(time.perf_counter() - start),
    }


def in_format(form: str, text: str) -> bool:
    """Tell whether an answer has the form asked for: its tags on lines of their own, around what they should hold."""
    tag = "nn" if form == "full" else "delta"
    parts = re.findall(rf"(?ms)^[ \t]*<{tag}>[ \t]*\n(.*?)^[ \t]*</{tag}>[ \t]*$", text)
    if not parts:
        return False
    if form == "full":
        try:
            return bool(extract_code(f"<nn>\n{parts[-1]}</nn>"))
        except CompletionError:
            return False
    if form == "search_replace":
        return bool(re.search(r"(?ms)^<{5,9} ?SEARCH$.*^={5,9}$.*^>{5,9} ?REPLACE$", parts[-1]))
    return bool(re.search(r"(?m)^@@.*\n(.*\n)*[-+]", parts[-1]))


if __name__ == "__main__":
    main()
