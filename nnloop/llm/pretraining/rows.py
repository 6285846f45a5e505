"""Rows of tokens: one baseline a row, its prompt first, then several answers that all see it and never each other.

The prompt's share of the work is paid once for all its answers; to each of them the row looks like prompt and answer
alone (mask and positions say so), which is also what generation looks like.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset

from nnloop.llm.pretraining import stream
from nnloop.llm.pretraining.bpe import SPECIAL
from nnloop.settings import PretrainSettings

BATCHES_SORTED = 16  # a group


@dataclass(frozen=True, slots=True)
class Row:
    tokens: list[int]
    segments: list[int]  # 0: prompt, 1, 2, ...: answers
    positions: list[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of the shape (B, T); `segments` is -1 on padding."""

    tokens: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Give what is added to the scores, (B, 1, T, T): 0 for the past of the prompt and of one's own answer."""
        keys, queries = self.segments[:, None, :], self.segments[:, :, None]
        past = torch.ones(queries.shape[1], keys.shape[2], dtype=torch.bool, device=keys.device).tril()
        seen = past & ((keys == 0) | (keys == queries))
        return torch.zeros(seen.shape, dtype=dtype, device=keys.device).masked_fill_(~seen, -1e4)[:, None]

    def weights(self, prompt_weight: float) -> torch.Tensor:
        """Weigh each token but the first as a target, (B, T - 1): none across segments or on padding."""
        now, before = self.segments[:, 1:], self.segments[:, :-1]
        return (now == before) * torch.where(now == 0, prompt_weight, 1.0) * (now >= 0)


class Groups(Dataset[list[Batch]]):
    """The stream in groups of rows; a group's rows are sorted by length, cut into batches, and those shuffled."""

    def __init__(self, settings: PretrainSettings, tokenizer: Any) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._rows = BATCHES_SORTED * max(1, settings.batch_tokens // settings.row_tokens)

    def __getitem__(self, group: int) -> list[Batch]:
        rows = [self._row(index) for index in range(group * self._rows, (group + 1) * self._rows)]
        batches = list(_batches(sorted(rows, key=lambda row: len(row.tokens)), self._settings.batch_tokens))
        random.Random(f"order/{group}").shuffle(batches)
        return batches

    def _row(self, index: int) -> Row:
        settings = self._settings
        answers = {"delta": settings.delta_answers, "full": settings.full_answers}
        return encode(
            self._tokenizer, stream.document(settings.seed, index, settings.full_share, answers), settings.row_tokens
        )


def encode(tokenizer: Any, document: stream.Document, limit: int) -> Row:
    """Lay a document out as one row; answers that would pass the limit are left out."""
    prompt, *answers = tokenizer(
        [SPECIAL["user"] + document.prompt + SPECIAL["end"]]
        + [SPECIAL["assistant"] + answer + SPECIAL["end"] for answer in document.answers]
    )["input_ids"]
    row = Row(list(prompt), [0] * len(prompt), list(range(len(prompt))))
    for number, answer in enumerate(answers, start=1):
        if len(row.tokens) + len(answer) <= limit:
            row.tokens.extend(answer)
            row.segments.extend([number] * len(answer))
            row.positions.extend(range(len(prompt), len(prompt) + len(answer)))
    return row


def _batches(rows: list[Row], tokens: int) -> Iterator[Batch]:
    """Cut sorted rows into batches of at most so many tokens with padding."""
    batch: list[Row] = []
    for row in rows:
        if batch and _padded(row) * (len(batch) + 1) > tokens:
            yield _stack(batch)
            batch = []
        batch.append(row)
    if batch:
        yield _stack(batch)


def _padded(row: Row) -> int:
    return -(-len(row.tokens) // 32) * 32


def _stack(rows: list[Row]) -> Batch:
    length = max(map(_padded, rows))

    def pad(values: list[list[int]], fill: int) -> torch.Tensor:
        return torch.tensor([value + [fill] * (length - len(value)) for value in values])

    return Batch(
        pad([row.tokens for row in rows], 0),
        pad([row.segments for row in rows], -1),
        pad([row.positions for row in rows], 0),
    )
