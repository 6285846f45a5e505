"""Training pairs as tensors: dealt out to optimizer steps, padded or packed, and the loss on their completions."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nnloop.llm.chat import Example

IGNORED = -100  # label of a position that carries no loss
WINDOW = 8  # steps whose pairs are sorted by length together, so that a batch is little padding


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes through the model at once."""

    ids: Tensor  # (B, T)
    labels: Tensor  # (B, T); IGNORED over prompts and padding
    layout: dict[str, Tensor] = field(default_factory=dict)  # of a packed row: position_ids, attention_mask


def groups(examples: Sequence[Example], size: int, rng: random.Random) -> Iterator[Sequence[Example]]:
    """Deal the examples out in random groups, one per optimizer step, of similar lengths."""
    shuffled = rng.sample(list(examples), len(examples))
    dealt: list[Sequence[Example]] = []
    for window in chunks(shuffled, size * WINDOW):
        dealt += chunks(sorted(window, key=len), size)
    yield from rng.sample(dealt, len(dealt))


def padded(examples: Sequence[Example], device: torch.device) -> Batch:
    """One example a row, padded on the right. No mask: attention is causal, and the padding comes last."""
    width = max(len(one) for one in examples)
    ids = torch.zeros((len(examples), width), dtype=torch.int64)
    labels = torch.full_like(ids, IGNORED)
    for row, one in enumerate(examples):
        ids[row, : len(one)] = torch.tensor(one.prompt + one.completion)
        labels[row, len(one.prompt) : len(one)] = torch.tensor(one.completion)
    return Batch(ids.to(device), labels.to(device))


def packed(examples: Sequence[Example], device: torch.device) -> Batch:
    """All examples in one row, end to end; each sees itself alone, at the positions that it would have alone."""
    ids = [token for one in examples for token in one.prompt + one.completion]
    labels = [label for one in examples for label in [IGNORED] * len(one.prompt) + one.completion]
    lengths = torch.tensor([len(one) for one in examples])
    owner = torch.arange(len(examples)).repeat_interleave(lengths)  # (T,)
    places = torch.cat([torch.arange(length) for length in lengths.tolist()])
    mask = (owner[:, None] == owner[None]) & (places[:, None] >= places[None])  # (T, T)
    layout = {"position_ids": places[None].to(device), "attention_mask": mask[None, None].to(device)}
    return Batch(torch.tensor([ids], device=device), torch.tensor([labels], device=device), layout)


def bins(examples: Sequence[Example], capacity: int) -> list[list[Example]]:
    """Fill as few rows of at most `capacity` tokens as first-fit-decreasing finds."""
    rows: list[list[Example]] = []
    for one in sorted(examples, key=len, reverse=True):
        room = next((row for row in rows if sum(map(len, row)) + len(one) <= capacity), None)
        if room is None:
            rows.append([one])
        else:
            room.append(one)
    return rows


def completion_loss(model: Any, batch: Batch) -> Tensor:
    """Sum of -log p over the labelled tokens."""
    targets = batch.labels[:, 1:]
    columns = (targets != IGNORED).any(dim=0).nonzero()[:, 0]  # logits elsewhere are not needed
    logits = model(input_ids=batch.ids, use_cache=False, logits_to_keep=columns, **batch.layout).logits  # (B, C, V)
    return functional.cross_entropy(
        logits.float().flatten(0, 1), targets[:, columns].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def chunks(items: Sequence[Example], size: int) -> list[Sequence[Example]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
