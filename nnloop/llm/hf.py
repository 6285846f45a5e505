"""A causal LM run by transformers, with a LoRA adapter or without."""

import gc
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import adapters, pretrained
from nnloop.llm.chat import chat
from nnloop.llm.decode import Decoder, Row, Stop
from nnloop.llm.engine import Request
from nnloop.llm.memory_forecast import rows_that_fit
from nnloop.llm.sampling import Sampling
from nnloop.records import Completion
from nnloop.settings import HfLlmSettings

_log = logging.getLogger(__name__)

TAGS = {"delta": "</delta>", "full": "</nn>"}
"""What ends a completion, by mode; a model that writes no tags ends it with its own end token."""


class HfEngine:
    trainable = True

    def __init__(self, settings: HfLlmSettings, mode: str) -> None:
        self.settings = settings
        self.start = None if settings.adapter is None else Path(settings.adapter)
        self.adapter: str | None = None
        self._mode = mode
        self._folder = self.start  # of the adapter in force
        self._base: Any = None  # the bare model; None while its memory is free
        self._model: Any = None  # the base itself, or what an adapter makes of it
        self._load()
        self._stop = Stop(self.tokenizer, TAGS[mode], self.ends)
        self.use_adapter(None)

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as they finish. Raises SettingsError where a prompt does not fit; none is ever cut."""
        prompts = [chat(self.tokenizer, request.prompt.text) for request in requests]
        longest = max((len(prompt) for prompt in prompts), default=0)
        self._check_fit(longest)
        if self._base is None:
            self.use_adapter(self._folder)
        decoder = self._decoder(longest + self._limit)
        for row in decoder.decode(prompts, [request.seed for request in requests]):
            yield self._completion(requests[row.index], row)

    def fits(self, text: str) -> bool:
        return len(chat(self.tokenizer, text)) + self._limit <= self.settings.context_length

    def count(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def use_adapter(self, folder: Path | None) -> None:
        """Generate with this adapter from now on; None is llm.adapter. Raises ModelError where it does not fit."""
        base, folder = self.bare(), folder or self.start
        if folder is not None:
            self._model = adapters.with_adapter(base, folder)
            self.adapter = adapters.adapter_hash(folder)
        self._folder = folder

    def trainer(self) -> "HfEngine":
        """Give the engine whose weights are tuned."""
        return self

    def bare(self) -> Any:
        """Take the adapter out and give the bare model, to be tuned."""
        if self._base is None:
            self._load()
        if self._model is not self._base:
            adapters.detach(self._model)
            self._model, self.adapter = self._base, None
        return self._base

    def rest(self) -> None:
        if self.settings.offload:
            self.free()

    def free(self) -> None:
        """Give the memory back; the weights are read again when they are next needed."""
        self._base = self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def close(self) -> None:
        self.free()

    def _load(self) -> None:
        loaded = pretrained.load(self.settings)
        self.tokenizer, self.ends, self.commit = loaded.tokenizer, loaded.ends, loaded.commit
        self._shape = loaded.shape
        self._base = self._model = loaded.model

    @property
    def _limit(self) -> int:
        return self.settings.max_new_tokens[self._mode]

    def _decoder(self, tokens: int) -> Decoder:
        """Make the decoder for rows of so many tokens, as many at once as llm.batch_size and the memory allow."""
        sampling = Sampling(self.settings.temperature, self.settings.top_k, self.settings.top_p)
        free = pretrained.free_bytes(self._model.device)
        rows = rows_that_fit(self._shape, free, self._model.dtype.itemsize, tokens)
        if rows < 1:
            raise ModelError(
                f"llm.context_length={self.settings.context_length}: {free / 1e9:.1f} GB are free beside the model, too"
                f" few for one completion of {tokens} tokens; use llm.quantize=nf4, or shorter ones"
            )
        if rows < self.settings.batch_size:
            _log.info("%d completions at once instead of %d: that is what fits", rows, self.settings.batch_size)
        return Decoder(self._model, sampling, self._stop, self._limit, min(rows, self.settings.batch_size))

    def _check_fit(self, longest: int) -> None:
        if longest + self._limit > self.settings.context_length:
            raise SettingsError(
                f"llm.context_length={self.settings.context_length}: a prompt of {longest} tokens and"
                f" llm.max_new_tokens.{self._mode}={self._limit} do not fit; raise the one or lower the other"
            )

    def _completion(self, request: Request, row: Row) -> Completion:
        return request.answer(
            self._stop.finish(row.tokens),
            row.seconds,
            tokens=len(row.tokens),
            prompt_tokens=len(row.prompt),
            adapter=self.adapter,
            truncated=row.truncated,
        )
