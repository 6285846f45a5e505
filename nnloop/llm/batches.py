"""Training examples as tensors: shuffled into optimizer steps, padded or packed, and the loss on their completions."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from nnloop.llm.architecture import attention_masks, logits_at
from nnloop.llm.chat import Example
from nnloop.settings import LoraSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IGNORED = -100  # label of a position that carries no loss
WINDOW = 8  # steps whose examples are sorted by length together, so that a batch is little padding


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Examples that go through the model together."""

    ids: Tensor  # (B, T)
    labels: Tensor  # (B, T); IGNORED over prompts and padding
    positions: Tensor | None = None  # (1, T) of packed examples, each in its own
    causal: Tensor | None = None  # (1, 1, T, T) bool: the tokens of the same example up to each one


def shuffle(examples: Sequence[Example], size: int, rng: random.Random) -> Iterator[Sequence[Example]]:
    """Yield the examples in random groups of `size`, one per optimizer step; a group's are of similar lengths."""
    shuffled = rng.sample(list(examples), len(examples))
    groups: list[Sequence[Example]] = []
    for window in _chunks(shuffled, size * WINDOW):
        groups += _chunks(sorted(window, key=len), size)
    yield from rng.sample(groups, len(groups))


def microbatches(examples: Sequence[Example], settings: LoraSettings, device: torch.device) -> Iterator[TokenBatch]:
    """Yield the examples as batches: packed into rows of max_length tokens, or padded, batch_size together."""
    if settings.packing:
        yield from (collate_packed(row, device) for row in pack(examples, settings.max_length))
    else:
        yield from (collate_padded(part, device) for part in _chunks(examples, settings.batch_size))


def collate_padded(examples: Sequence[Example], device: torch.device) -> TokenBatch:
    """Put one example in each row, padded on the right. No mask: attention is causal, and the padding comes last."""
    width = max(len(example) for example in examples)
    ids = torch.zeros((len(examples), width), dtype=torch.int64)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        ids[row, : len(example)] = torch.tensor(example.prompt + example.completion)
        labels[row, len(example.prompt) : len(example)] = torch.tensor(example.completion)
    return TokenBatch(ids.to(device), labels.to(device))


def collate_packed(examples: Sequence[Example], device: torch.device) -> TokenBatch:
    """Put all examples in one row, end to end; each attends to itself alone, at the positions it would have alone."""
    ids = [token for example in examples for token in example.prompt + example.completion]
    labels = [label for example in examples for label in [IGNORED] * len(example.prompt) + example.completion]
    lengths = torch.tensor([len(example) for example in examples])
    owner = torch.arange(len(examples)).repeat_interleave(lengths)  # (T,)
    positions = torch.cat([torch.arange(length) for length in lengths.tolist()])
    mask = (owner[:, None] == owner[None]) & (positions[:, None] >= positions[None])  # (T, T)
    return TokenBatch(
        torch.tensor([ids], device=device),
        torch.tensor([labels], device=device),
        positions[None].to(device),
        causal=mask[None, None].to(device),
    )


def pack(examples: Sequence[Example], capacity: int) -> list[list[Example]]:
    """Distribute the examples over as few rows of at most `capacity` tokens as first-fit-decreasing needs."""
    rows: list[list[Example]] = []
    for example in sorted(examples, key=len, reverse=True):
        room = next((row for row in rows if sum(map(len, row)) + len(example) <= capacity), None)
        if room is None:
            rows.append([example])
        else:
            room.append(example)
    return rows


def completion_loss(model: "PreTrainedModel", batch: TokenBatch) -> Tensor:
    """Return the sum of -log p over the labelled tokens."""
    targets = batch.labels[:, 1:]
    columns = (targets != IGNORED).any(dim=0).nonzero()[:, 0]  # logits elsewhere are not needed
    logits = logits_at(model, columns, input_ids=batch.ids, use_cache=False, **_layout(model, batch))  # (B, C, V)
    return functional.cross_entropy(
        logits.float().flatten(0, 1), targets[:, columns].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def _layout(model: "PreTrainedModel", batch: TokenBatch) -> dict[str, Any]:
    """Return the model's inputs beside the tokens: of packed examples the positions and who attends to whom."""
    if batch.positions is None or batch.causal is None:
        return {}
    distance = (batch.positions[0, :, None] - batch.positions[0, None])[None, None]
    return {"position_ids": batch.positions, "attention_mask": attention_masks(model, batch.causal, distance)}


def _chunks(items: Sequence[Example], size: int) -> list[Sequence[Example]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
