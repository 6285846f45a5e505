"""Measures of a checkpoint on networks that it never saw, counted on texts alone: no network is run."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from nnloop.llm.pretraining import stream

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAMPLING = {"do_sample": True, "temperature": 0.8, "top_p": 0.95, "top_k": 0}  # as in conf/llm/tiny.yaml
MAX_NEW_TOKENS = {"delta": 192, "full": 512}


@dataclass(frozen=True, slots=True)
class HeldOutMeasures:
    """Shares in [0, 1]."""

    applied: float  # of diffs: they apply and change something
    old_lines: float  # of the diffs' old-side lines: they stand in the network shown
    distinct: float  # of diffs
    parsed: float  # of whole networks: Python with a class Net, not the one shown


def evaluate(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", *, networks: list[str], seed: int
) -> HeldOutMeasures:
    """Generate one diff for each network, and one whole network for every fourth, at the default sampling."""
    rng = random.Random(f"prompts/{seed}")

    def answer(mode: str, shown: list[str]) -> list[str]:
        prompts = [stream.prompt(mode, code, rng) for code in shown]
        return generate(model, tokenizer, prompts, mode=mode, seed=seed)

    return measure(networks, answer("delta", networks), answer("full", networks[::4]))


def measure(networks: list[str], diffs: list[str], wholes: list[str]) -> HeldOutMeasures:
    """Count shares over a diff for each network and a whole network for every fourth."""
    applied = [apply_numberless(code, text) for code, text in zip(networks, diffs, strict=True)]
    changed = [new is not None and new != code for new, code in zip(applied, networks, strict=True)]
    parsed = [_is_new_network(text, code) for text, code in zip(wholes, networks[::4], strict=True)]
    old = [_old_share(code, text) for code, text in zip(networks, diffs, strict=True)]
    return HeldOutMeasures(
        applied=sum(changed) / len(networks),
        old_lines=sum(old) / len(old),
        distinct=len(set(diffs)) / len(diffs),
        parsed=sum(parsed) / len(parsed),
    )


@torch.inference_mode()
def generate(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", prompts: list[str], *, mode: str, seed: int
) -> list[str]:
    """Sample one answer to each prompt."""
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    texts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left").to(model.device)
    torch.manual_seed(seed)
    output = model.generate(**inputs, **SAMPLING, max_new_tokens=MAX_NEW_TOKENS[mode])
    return list(tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def apply_numberless(source: str, answer: str) -> str | None:
    """Apply the hunks of an answer in order; None if one fits nowhere, or in several places."""
    lines = source.splitlines()
    for hunk in _hunks(answer):
        old, new = _sides(hunk)
        places = [i for i in range(len(lines) - len(old) + 1) if lines[i : i + len(old)] == old]
        if not old or len(places) != 1:
            return None
        lines[places[0] : places[0] + len(old)] = new
    return "\n".join(lines) + "\n"


def _hunks(answer: str) -> list[list[str]]:
    body = answer.split("<delta>\n", 1)[-1].split("\n</delta>", 1)[0]
    return [hunk.strip("\n").split("\n") for hunk in body.split("@@ @@\n")[1:]]


def _sides(hunk: list[str]) -> tuple[list[str], list[str]]:
    return [line[1:] for line in hunk if line[:1] in (" ", "-")], [line[1:] for line in hunk if line[:1] in (" ", "+")]


def _old_share(source: str, answer: str) -> float:
    old = [line for hunk in _hunks(answer) for line in _sides(hunk)[0]]
    known = set(source.splitlines())
    return sum(line in known for line in old) / len(old) if old else 0.0


def _is_new_network(answer: str, shown: str) -> bool:
    code = answer.split("<nn>\n", 1)[-1].split("\n</nn>", 1)[0]
    try:
        compile(code, "net.py", "exec")
    except (SyntaxError, ValueError):
        return False
    return "class Net(nn.Module):" in code and code.strip() != shown.strip()
