"""Batched generation: rows leave when they are finished, waiting prompts take their places.

Equal prompts are computed once. A prompt's last token is fed as the first decoding step, so that one step does it all.
"""

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from nnloop.llm.chat import Tokenizer
from nnloop.llm.kv_cache import RowCache
from nnloop.llm.memory_forecast import PREFILL_TOKENS
from nnloop.llm.sampling import Sampling, sample

CPU_PREFILL_TOKENS = 1024  # enough to keep a core busy; a lot's prompts are of nearly one length, and it stays in cache


@dataclass(slots=True)
class Row:
    """One completion in the making."""

    index: int  # its place among the prompts
    prompt: list[int]
    seed: int
    tokens: list[int] = field(default_factory=list)
    seconds: float = 0.0  # its share of the time of the steps that it took part in
    done: bool = False
    truncated: bool = False  # stopped by the token limit


class Stop:
    """Says when a completion has ended: at an end token, or with the closing tag."""

    def __init__(self, tokenizer: Tokenizer, tag: str, ends: set[int]) -> None:
        self._tokenizer = tokenizer
        self._tag = tag
        self._ends = ends
        self._closers = {id for token, id in tokenizer.get_vocab().items() if tag[-1] in token}

    def reached(self, tokens: list[int]) -> bool:
        if tokens[-1] in self._ends:
            return True
        # The vocabulary lookup spares decoding after nearly every token.
        return tokens[-1] in self._closers and self._tag in self._text(tokens[-len(self._tag) :])

    def finish(self, tokens: list[int]) -> str:
        """Decode a completion, without its end token and whatever the last token holds after the closing tag."""
        text = self._text(tokens[:-1] if tokens and tokens[-1] in self._ends else tokens)
        before, tag, _ = text.partition(self._tag)
        return before + tag

    def _text(self, tokens: list[int]) -> str:
        # Special tokens stay: a tokenizer may count the tags among them.
        return str(self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))


@dataclass(frozen=True, slots=True)
class Decoder:
    """A model with what one needs to know to let it write."""

    model: Any  # transformers' PreTrainedModel, or PEFT's around it
    sampling: Sampling
    stop: Stop
    limit: int  # tokens per completion
    batch_size: int

    def decode(self, prompts: Sequence[list[int]], seeds: Sequence[int]) -> Iterator[Row]:
        """Yield each row as soon as it is finished."""
        waiting = deque(Row(i, prompt, seed) for i, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)))
        batch = _Batch(self)
        while True:
            batch.leave()
            if waiting and len(batch.rows) * 4 <= self.batch_size * 3:  # refill in lots: a prefill stops the others
                batch.join([waiting.popleft() for _ in range(min(len(waiting), self.batch_size - len(batch.rows)))])
            if not batch.rows:
                return
            yield from batch.step()


class _Batch:
    """The rows that are being written; finished ones stay until they are an eighth."""

    def __init__(self, decoder: Decoder) -> None:
        self.rows: list[Row] = []
        self._decoder = decoder
        self._device = decoder.model.device
        self._cache = RowCache()
        self._last = self._tensor([])  # (rows,) token that is fed next
        self._seeds = self._tensor([])

    @torch.inference_mode()
    def join(self, rows: list[Row]) -> None:
        """Compute the prompts of new rows and append the rows."""
        rows = sorted(rows, key=lambda row: (len(row.prompt), row.prompt))
        for lot in _lots(rows, PREFILL_TOKENS if self._device.type == "cuda" else CPU_PREFILL_TOKENS):
            start = time.perf_counter()
            distinct = list(dict.fromkeys(tuple(row.prompt) for row in lot))
            places = {prompt: place for place, prompt in enumerate(distinct)}
            which = self._tensor([places[tuple(row.prompt)] for row in lot])
            lengths = self._tensor([len(row.prompt) - 1 for row in lot])
            self._cache.add(self._prefill(distinct), which, lengths)
            self._charge(lot, start)
        self.rows += rows
        self._last = torch.cat([self._last, self._tensor([row.prompt[-1] for row in rows])])
        self._seeds = torch.cat([self._seeds, self._tensor([row.seed for row in rows])])

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """Write one token in every running row; return the rows that this finished."""
        start = time.perf_counter()
        running = [row for row in self.rows if not row.done]
        steps = self._tensor([len(row.tokens) for row in self.rows])
        self._last = sample(self._logits(), self._seeds, steps, self._decoder.sampling)
        self._cache.advance(self._tensor([not row.done for row in self.rows]))
        for row, token in zip(self.rows, self._last.tolist(), strict=True):
            if not row.done:
                self._append(row, token)
        self._charge(running, start)
        return [row for row in running if row.done]

    @torch.inference_mode()
    def leave(self) -> None:
        """Drop the finished rows once they are enough to be worth copying the others."""
        running = [place for place, row in enumerate(self.rows) if not row.done]
        if running and (len(self.rows) - len(running)) * 8 < len(self.rows):
            return
        places = self._tensor(running)
        self.rows = [self.rows[place] for place in running]
        self._cache.keep(places)
        self._last, self._seeds = self._last[places], self._seeds[places]

    def _logits(self) -> Tensor:
        """Feed the last tokens; logits (rows, V)."""
        output = self._decoder.model(
            input_ids=self._last[:, None],
            position_ids=self._cache.lengths[:, None],
            attention_mask=self._cache.mask(),
            cache=self._cache,
            use_cache=True,
        )
        return output.logits[:, -1]  # type: ignore[no-any-return]

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> DynamicCache:
        """Compute keys and values of all tokens but the last, what the prompts begin with in common once.

        Padded on the right: no token sees what is after it.
        """
        cache, shared = DynamicCache(), _shared(prompts)
        if shared:
            self._compute([prompts[0][:shared]], cache)
            cache.batch_repeat_interleave(len(prompts))
        width = max(1, max(len(prompt) for prompt in prompts) - 1)
        self._compute([[*prompt[shared:-1], *[0] * (width - len(prompt) + 1)] for prompt in prompts], cache)
        return cache

    def _compute(self, tokens: Sequence[Sequence[int]], cache: DynamicCache) -> None:
        ids = torch.tensor(tokens, device=self._device)
        self._decoder.model(input_ids=ids, cache=cache, use_cache=True, logits_to_keep=1)

    def _append(self, row: Row, token: int) -> None:
        row.tokens.append(token)
        ended = self._decoder.stop.reached(row.tokens)
        row.truncated = not ended and len(row.tokens) >= self._decoder.limit
        row.done = ended or row.truncated

    def _charge(self, rows: list[Row], start: float) -> None:
        for row in rows:
            row.seconds += (time.perf_counter() - start) / len(rows)

    def _tensor(self, values: list[Any]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._device)


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all prompts begin with, leaving two of each; 0 for a single prompt."""
    if len(prompts) == 1:
        return 0
    same = (len(set(column)) == 1 for column in zip(*(prompt[:-2] for prompt in prompts), strict=False))
    return sum(itertools.takewhile(bool, same))


def _lots(rows: list[Row], bound: int) -> Iterator[list[Row]]:
    """Split rows, shortest prompt first, so that one lot's prompts, padded, stay under the bound; none is empty."""
    lot: list[Row] = []
    for row in rows:
        if lot and len(row.prompt) * (len(lot) + 1) > bound:
            yield lot
            lot = []
        lot.append(row)
    if lot:
        yield lot
