"""Packed rows of tokens: one network's prompt, then several answers that all attend to it and never to each other.

The prompt's share of the work is paid once for all its answers. By mask and positions the row looks to each answer like
the prompt and that answer alone, which is how generation looks too.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Dataset

from nnloop.llm.pretraining import stream
from nnloop.llm.pretraining.bpe import SPECIAL
from nnloop.settings import PretrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCHES_SORTED = 16  # whose rows are sorted by length together


@dataclass(frozen=True, slots=True)
class PackedRow:
    """A prompt and its answers, end to end."""

    tokens: list[int]
    segments: list[int]  # 0: prompt, 1, 2, ...: answers
    positions: list[int]


@dataclass(frozen=True, slots=True)
class PretrainingBatch:
    """Tensors of the shape (B, T); `segments` is -1 on padding."""

    tokens: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor

    def to(self, device: torch.device) -> "PretrainingBatch":
        """Copy the batch to a device."""
        return PretrainingBatch(self.tokens.to(device), self.segments.to(device), self.positions.to(device))

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the mask added to the scores, (B, 1, T, T): 0 for earlier tokens of prompt and same answer."""
        keys, queries = self.segments[:, None, :], self.segments[:, :, None]
        past = torch.ones(queries.shape[1], keys.shape[2], dtype=torch.bool, device=keys.device).tril()
        visible = past & ((keys == 0) | (keys == queries))
        return torch.zeros(visible.shape, dtype=dtype, device=keys.device).masked_fill_(~visible, -1e4)[:, None]

    def weights(self, prompt_weight: float) -> torch.Tensor:
        """Weigh each token but the first as a target, (B, T - 1); 0 across segments and on padding."""
        now, before = self.segments[:, 1:], self.segments[:, :-1]
        return (now == before) * torch.where(now == 0, prompt_weight, 1.0) * (now >= 0)


class BatchGroups(Dataset[list[PretrainingBatch]]):
    """The endless stream as groups of batches: a group's rows are sorted by length and cut into batches.

    Group g is the same whatever was made before.
    """

    def __init__(self, settings: PretrainSettings, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._rows = BATCHES_SORTED * max(1, settings.batch_tokens // settings.row_tokens)

    def __getitem__(self, group: int) -> list[PretrainingBatch]:
        rows = [self._row(index) for index in range(group * self._rows, (group + 1) * self._rows)]
        batches = list(_batches(sorted(rows, key=lambda row: len(row.tokens)), self._settings.batch_tokens))
        random.Random(f"order/{group}").shuffle(batches)
        return batches

    def _row(self, index: int) -> PackedRow:
        return pack(self._tokenizer, stream.document(index, self._settings), self._settings.row_tokens)


def pack(tokenizer: "PreTrainedTokenizerBase", document: stream.Document, limit: int) -> PackedRow:
    """Encode a document as one row; answers that would exceed `limit` tokens are left out."""
    prompt, *answers = tokenizer(
        [SPECIAL["user"] + document.prompt + SPECIAL["end"]]
        + [SPECIAL["assistant"] + answer + SPECIAL["end"] for answer in document.answers]
    )["input_ids"]
    row = PackedRow(list(prompt), [0] * len(prompt), list(range(len(prompt))))
    for number, answer in enumerate(answers, start=1):
        if len(row.tokens) + len(answer) <= limit:
            row.tokens.extend(answer)
            row.segments.extend([number] * len(answer))
            row.positions.extend(range(len(prompt), len(prompt) + len(answer)))
    return row


def _batches(rows: list[PackedRow], max_tokens: int) -> Iterator[PretrainingBatch]:
    """Cut sorted rows into batches of at most `max_tokens` with padding."""
    batch: list[PackedRow] = []
    for row in rows:
        if batch and _padded_length(row) * (len(batch) + 1) > max_tokens:
            yield _collate(batch)
            batch = []
        batch.append(row)
    if batch:
        yield _collate(batch)


def _padded_length(row: PackedRow) -> int:
    return -(-len(row.tokens) // 32) * 32


def _collate(rows: list[PackedRow]) -> PretrainingBatch:
    length = max(map(_padded_length, rows))

    def pad(values: list[list[int]], fill: int) -> torch.Tensor:
        return torch.tensor([value + [fill] * (length - len(value)) for value in values])

    return PretrainingBatch(
        tokens=pad([row.tokens for row in rows], 0),
        segments=pad([row.segments for row in rows], -1),
        positions=pad([row.positions for row in rows], 0),
    )
