"""Batched generation: finished sequences leave the batch and waiting prompts take their places.

Equal prompts are computed once. A prompt's last token is fed in the sequence's first step, so that all steps are
alike.
"""

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from nnloop.llm.architecture import attention_masks
from nnloop.llm.engine import Watch, unwatched
from nnloop.llm.kv_cache import KvCache
from nnloop.llm.memory_forecast import PREFILL_TOKENS
from nnloop.llm.sampling import Sampling, sample
from nnloop.llm.stopping import Ending, loops
from nnloop.modes.tagged import TAGS, end_of_answer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CPU_PREFILL_TOKENS = 1024  # enough to keep a core busy; the work on more would not stay in the processor's cache


@dataclass(slots=True)
class TokenSequence:
    """One completion while it is being generated."""

    index: int  # of its prompt among those given to `decode`
    prompt: list[int]
    seed: int
    tokens: list[int] = field(default_factory=list)
    seconds: float = 0.0  # its share of the time of the steps that it took part in
    ending: Ending | None = None  # None: it is being written


class StopCriterion:
    """The rule for a completion's end: an end token, the closing tag of its answer, or a loop."""

    def __init__(
        self, tokenizer: "PreTrainedTokenizerBase", mode: str, ends: set[int], *, opened: str = "", max_repeats: int = 0
    ) -> None:
        """Make the rule of a mode.

        `ends` are the ids of end tokens; `opened` is the mark of a thought that every prompt leaves open; `max_repeats`
        is the number of equal pieces that make a loop, 0 for none.
        """
        self._tokenizer = tokenizer
        self._mode = mode
        self._ends = ends
        self._opened = opened
        self._max_repeats = max_repeats
        self._tag = f"</{TAGS[mode]}>"
        self._closers = {id for token, id in tokenizer.get_vocab().items() if self._tag[-1] in token}

    def ending(self, tokens: list[int]) -> Ending | None:
        """Return the reason why the last of these tokens ends the completion; None if it goes on."""
        last = tokens[-1]
        # The vocabulary lookup spares decoding after nearly every token.
        if last in self._ends or (last in self._closers and self._closes(tokens)):
            return Ending.ANSWER
        return Ending.LOOP if loops(tokens, self._max_repeats) else None

    def decode(self, tokens: list[int]) -> str:
        """Return a completion's text without its end token and whatever its last token holds after the closing tag.

        A thought that the prompt opened begins it, so that the text can be read by itself.
        """
        text = self._opened + self._text(tokens[:-1] if tokens and tokens[-1] in self._ends else tokens)
        return text[: end_of_answer(text, self._mode)]

    def _closes(self, tokens: list[int]) -> bool:
        if self._tag not in self._text(tokens[-len(self._tag) :]):
            return False
        return end_of_answer(self._opened + self._text(tokens), self._mode) is not None

    def _text(self, tokens: list[int]) -> str:
        # Special tokens stay: a tokenizer may count the tags among them.
        return str(self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))


@dataclass(frozen=True, slots=True)
class Decoder:
    """A causal LM and the settings of its generation."""

    model: "PreTrainedModel"  # or PEFT's model around one
    sampling: Sampling
    stop: StopCriterion
    limit: int  # tokens per completion
    batch_size: int  # sequences generated together
    watch: Watch = unwatched

    def decode(self, prompts: Sequence[list[int]], seeds: Sequence[int]) -> Iterator[TokenSequence]:
        """Yield each prompt's sequence as soon as it is finished."""
        numbered = enumerate(zip(prompts, seeds, strict=True))
        waiting = deque(TokenSequence(index, prompt, seed) for index, (prompt, seed) in numbered)
        batch = _RunningBatch(self)
        while True:
            batch.drop_finished()
            # Several sequences are added at once, because the others wait while prompts are computed.
            if waiting and len(batch.sequences) * 4 <= self.batch_size * 3:
                free = self.batch_size - len(batch.sequences)
                batch.add([waiting.popleft() for _ in range(min(len(waiting), free))])
            if not batch.sequences:
                return
            yield from batch.step()

    def first_logits(self, sequences: list[TokenSequence]) -> Tensor:
        """Return the logits of each sequence's first step, (B, V), for sequences in the order of their lengths."""
        batch = _RunningBatch(self)
        batch.add(sequences)
        return batch.logits()

    def append(self, sequence: TokenSequence, token: int) -> None:
        """Add a token that was generated; the sequence is done if that ends it."""
        sequence.tokens.append(token)
        self.watch(1)
        sequence.ending = self.stop.ending(sequence.tokens)
        if sequence.ending is None and len(sequence.tokens) >= self.limit:
            sequence.ending = Ending.LIMIT


class _RunningBatch:
    """The sequences being generated; finished ones stay in the batch until they are an eighth of it."""

    def __init__(self, decoder: Decoder) -> None:
        self.sequences: list[TokenSequence] = []
        self._decoder = decoder
        self._device = decoder.model.device
        self._cache = KvCache()
        self._last = self._tensor([])  # (B,) token that is fed next
        self._seeds = self._tensor([])  # (B,)

    @torch.inference_mode()
    def add(self, sequences: list[TokenSequence]) -> None:
        """Compute the prompts of new sequences and append the sequences to the batch."""
        sequences = sorted(sequences, key=lambda sequence: (len(sequence.prompt), sequence.prompt))
        max_tokens = PREFILL_TOKENS if self._device.type == "cuda" else CPU_PREFILL_TOKENS
        for part in _microbatches(sequences, max_tokens):
            start = time.perf_counter()
            distinct = list(dict.fromkeys(tuple(sequence.prompt) for sequence in part))
            rows = {prompt: row for row, prompt in enumerate(distinct)}
            self._cache.add(
                self._prefill(distinct),
                rows=self._tensor([rows[tuple(sequence.prompt)] for sequence in part]),
                lengths=self._tensor([len(sequence.prompt) - 1 for sequence in part]),
            )
            _share_time(part, start)
        self.sequences += sequences
        self._last = torch.cat([self._last, self._tensor([sequence.prompt[-1] for sequence in sequences])])
        self._seeds = torch.cat([self._seeds, self._tensor([sequence.seed for sequence in sequences])])

    @torch.inference_mode()
    def step(self) -> list[TokenSequence]:
        """Generate one token in every running sequence; return the sequences that it finished."""
        start = time.perf_counter()
        running = [sequence for sequence in self.sequences if sequence.ending is None]
        steps = self._tensor([len(sequence.tokens) for sequence in self.sequences])
        self._last = sample(self.logits(), self._decoder.sampling, seeds=self._seeds, steps=steps)
        self._cache.advance(self._tensor([sequence.ending is None for sequence in self.sequences]))
        for sequence, token in zip(self.sequences, self._last.tolist(), strict=True):
            if sequence.ending is None:
                self._decoder.append(sequence, token)
        _share_time(running, start)
        return [sequence for sequence in running if sequence.ending]

    @torch.inference_mode()
    def drop_finished(self) -> None:
        """Drop the finished sequences once they are enough to be worth copying the others."""
        running = [row for row, sequence in enumerate(self.sequences) if sequence.ending is None]
        if running and (len(self.sequences) - len(running)) * 8 < len(self.sequences):
            return
        rows = self._tensor(running)
        self.sequences = [self.sequences[row] for row in running]
        self._cache.select(rows)
        self._last, self._seeds = self._last[rows], self._seeds[rows]

    def logits(self) -> Tensor:
        """Feed the last tokens; return the logits, (B, V)."""
        output = self._decoder.model(
            input_ids=self._last[:, None],
            position_ids=self._cache.lengths[:, None],
            attention_mask=attention_masks(self._decoder.model, *self._cache.attention()),
            cache=self._cache,
            use_cache=True,
        )
        return output.logits[:, -1]  # type: ignore[no-any-return]

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> DynamicCache:
        """Compute keys and values of all tokens but the last; the prompts' common beginning is computed once.

        Prompts are padded on the right: no token attends to later ones.
        """
        cache, common = DynamicCache(), _common_length(prompts)
        if common:
            self._compute([prompts[0][:common]], cache)
            cache.batch_repeat_interleave(len(prompts))
        width = max(1, max(len(prompt) for prompt in prompts) - 1)
        self._compute([[*prompt[common:-1], *[0] * (width - len(prompt) + 1)] for prompt in prompts], cache)
        return cache

    def _compute(self, tokens: Sequence[Sequence[int]], cache: DynamicCache) -> None:
        ids = torch.tensor(tokens, device=self._device)
        self._decoder.model(input_ids=ids, cache=cache, use_cache=True, logits_to_keep=1)

    def _tensor(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._device)


def _share_time(sequences: list[TokenSequence], start: float) -> None:
    """Add the time since `start` to the sequences, to each an equal share."""
    for sequence in sequences:
        sequence.seconds += (time.perf_counter() - start) / len(sequences)


def _common_length(prompts: Sequence[Sequence[int]]) -> int:
    """Count the tokens that all prompts begin with, leaving at least two of each; 0 for a single prompt."""
    if len(prompts) == 1:
        return 0
    same = (len(set(column)) == 1 for column in zip(*(prompt[:-2] for prompt in prompts), strict=False))
    return sum(itertools.takewhile(bool, same))


def _microbatches(sequences: list[TokenSequence], max_tokens: int) -> Iterator[list[TokenSequence]]:
    """Split sequences, shortest prompt first, into parts whose prompts have at most `max_tokens` with padding.

    A part holds at least one sequence, however long.
    """
    part: list[TokenSequence] = []
    for sequence in sequences:
        if part and len(sequence.prompt) * (len(part) + 1) > max_tokens:
            yield part
            part = []
        part.append(sequence)
    if part:
        yield part
