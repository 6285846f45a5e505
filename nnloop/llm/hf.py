"""A causal LM run by transformers, with a LoRA adapter or without."""

import gc
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.llm import adapters, pretrained
from nnloop.llm.adapter_files import adapter_hash
from nnloop.llm.chat import Chat
from nnloop.llm.decode import Decoder, StopCriterion
from nnloop.llm.engine import Request, Watch, unwatched
from nnloop.llm.memory_forecast import sequences_that_fit
from nnloop.llm.probe import takes_rows
from nnloop.llm.sampling import Sampling
from nnloop.llm.sequential import SequentialDecoder
from nnloop.llm.stopping import Ending
from nnloop.modes.thoughts import left_open
from nnloop.records import Completion
from nnloop.settings import HfLlmSettings

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

_log = logging.getLogger(__name__)


class HfEngine:
    """An engine whose model is in this process."""

    trainable = True

    def __init__(self, settings: HfLlmSettings, mode: str) -> None:
        """Load the model, and llm.adapter if it is set. Raises ModelError or SettingsError."""
        self.settings = settings
        self.start = None if settings.adapter is None else Path(settings.adapter)
        self.adapter: str | None = None
        self._mode = mode
        self._folder = self.start  # of the adapter in force
        self._base: PreTrainedModel | None = None  # the bare model; None while its memory is freed
        self._model: PreTrainedModel | PeftModel  # the base, or the model that an adapter makes of it
        self._load()
        self._stop = self._make_stop()
        self.takes_rows = takes_rows(self.bare(), self._stop)  # else it writes one after the other
        self.use_adapter(None)

    def generate(self, requests: Sequence[Request], watch: Watch = unwatched) -> Iterator[Completion]:
        """Yield completions as they finish. Raises SettingsError if a prompt does not fit; none is ever cut."""
        prompts = [self.chat.encode(request.prompt.text) for request in requests]
        longest = max((len(prompt) for prompt in prompts), default=0)
        self._check_fit(longest)
        if self._base is None:
            self.use_adapter(self._folder)
        decoder = self._decoder(longest + self._limit, watch)
        for sequence in decoder.decode(prompts, [request.seed for request in requests]):
            yield requests[sequence.index].answer(
                self._stop.decode(sequence.tokens),
                sequence.seconds,
                tokens=len(sequence.tokens),
                prompt_tokens=len(sequence.prompt),
                adapter=self.adapter,
                ending=sequence.ending or Ending.ANSWER,
            )

    def fits(self, text: str) -> bool:
        """Return whether prompt and completion fit in llm.context_length."""
        return len(self.chat.encode(text)) + self._limit <= self.settings.context_length

    def writes(self, text: str) -> bool:
        """Return whether a completion of this text, with the token that ends it, stays within llm.max_new_tokens."""
        return self.count(text) < self._limit

    def count(self, text: str) -> int:
        """Count a text's tokens, outside a chat."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def use_adapter(self, folder: Path | None) -> None:
        """Generate with this adapter from now on; None is llm.adapter. Raises ModelError if it does not fit."""
        base, folder = self.bare(), folder or self.start
        if folder is not None:
            self._model = adapters.with_adapter(base, folder)
            self.adapter = adapter_hash(folder)
        self._folder = folder

    def trainer(self) -> "HfEngine":
        """Return the engine whose weights are tuned: this one."""
        return self

    def bare(self) -> "PreTrainedModel":
        """Take the adapter out and return the bare model, to be tuned."""
        if self._base is None:
            self._load()
        if self._model is not self._base:
            adapters.detach(self._model)
            self._model, self.adapter = self._base, None
        return self._base

    def offload(self) -> None:
        """Free the memory if llm.offload is set."""
        if self.settings.offload:
            self.close()

    def close(self) -> None:
        """Free the memory; the next use reads the weights again."""
        self._base = self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _load(self) -> None:
        loaded = pretrained.load(self.settings)
        self.tokenizer, self.ends, self.commit = loaded.tokenizer, loaded.ends, loaded.commit
        self.chat = Chat(self.tokenizer, self.settings.system, self.settings.template).check()
        self._shape = loaded.shape
        self._base = self._model = loaded.model

    def _make_stop(self) -> StopCriterion:
        opened = left_open(self.chat.render("question"))
        repeats = self.settings.max_repeats
        return StopCriterion(self.tokenizer, self._mode, self.ends, opened=opened, max_repeats=repeats)

    @property
    def _limit(self) -> int:
        return self.settings.max_new_tokens[self._mode]

    def _decoder(self, tokens: int, watch: Watch) -> Decoder | SequentialDecoder:
        """Make the decoder for sequences of so many tokens; llm.batch_size and the memory bound its batch."""
        free = pretrained.free_bytes(self._model.device)
        fitting = sequences_that_fit(self._shape, free=free, bytes_each=self._model.dtype.itemsize, tokens=tokens)
        if fitting < 1:
            raise ModelError(
                f"llm.context_length={self.settings.context_length}: {free / 1e9:.1f} GB are free beside the model, too"
                f" few for one completion of {tokens} tokens; use llm.quantize=nf4, or shorter ones"
            )
        if self.takes_rows and fitting < self.settings.batch_size:
            _log.info("%d completions at once instead of %d: no more fit", fitting, self.settings.batch_size)
        decoder = Decoder(
            model=self._model,
            sampling=Sampling(self.settings.temperature, self.settings.top_k, self.settings.top_p),
            stop=self._stop,
            limit=self._limit,
            batch_size=min(fitting, self.settings.batch_size),
            watch=watch,
        )
        return decoder if self.takes_rows else SequentialDecoder(decoder)

    def _check_fit(self, longest: int) -> None:
        if longest + self._limit > self.settings.context_length:
            raise SettingsError(
                f"llm.context_length={self.settings.context_length}: a prompt of {longest} tokens and"
                f" llm.max_new_tokens.{self._mode}={self._limit} do not fit; raise the one or lower the other"
            )
