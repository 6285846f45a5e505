"""Generation of one completion after the other by transformers itself.

For models whose state is not the keys and values of each token (Mamba, linear attention, convolutions), so that the
rows of `decode` can't stand beside each other in one cache.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from nnloop.errors import ModelError
from nnloop.llm.decode import Decoder, TokenSequence
from nnloop.llm.sampling import Sampling, sample


@dataclass(frozen=True, slots=True)
class SequentialDecoder:
    """A decoder that gives `decode`'s completions, a prompt at a time."""

    decoder: Decoder

    def decode(self, prompts: Sequence[list[int]], seeds: Sequence[int]) -> Iterator[TokenSequence]:
        """Yield each prompt's sequence as soon as it is finished."""
        for index, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
            sequence, start = TokenSequence(index, prompt, seed), time.perf_counter()
            self._write(sequence)
            sequence.seconds = time.perf_counter() - start
            yield sequence

    def _write(self, sequence: TokenSequence) -> None:
        """Generate a sequence. Raises ModelError for whatever an architecture's own code raises."""
        try:
            self._generate(sequence)
        except Exception as error:
            name, told = type(self.decoder.model).__name__, " ".join(str(error).split())[:200]
            raise ModelError(f"llm.model: {name} can't generate: {type(error).__name__}: {told}") from None

    @torch.inference_mode()
    def _generate(self, sequence: TokenSequence) -> None:
        model, given = self.decoder.model, torch.tensor([sequence.prompt], device=self.decoder.model.device)
        length = len(sequence.prompt) + self.decoder.limit
        # Every setting that would change the logits is off: a checkpoint's generation_config.json may name some.
        plain = {"do_sample": False, "num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
        model.generate(
            given,
            attention_mask=torch.ones_like(given),
            generation_config=GenerationConfig(max_length=length, pad_token_id=0, **plain),
            logits_processor=[_Choice(self.decoder.sampling, sequence)],
            stopping_criteria=[_End(self.decoder, sequence)],
        )


class _Choice(LogitsProcessor):  # type: ignore[misc]
    """Leaves the token that our own sampling chooses as the only possible one."""

    def __init__(self, sampling: Sampling, sequence: TokenSequence) -> None:
        self._sampling = sampling
        self._sequence = sequence

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        seeds, steps = (
            torch.tensor([number], device=scores.device) for number in (self._sequence.seed, len(self._sequence.tokens))
        )
        chosen = sample(scores, self._sampling, seeds=seeds, steps=steps)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen[:, None], 0.0)


class _End(StoppingCriteria):  # type: ignore[misc]
    """Takes every new token over into the sequence, and ends the generation with it."""

    def __init__(self, decoder: Decoder, sequence: TokenSequence) -> None:
        self._decoder = decoder
        self._sequence = sequence

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        self._decoder.append(self._sequence, int(input_ids[0, -1]))
        return torch.tensor([self._sequence.ending is not None], device=input_ids.device)
