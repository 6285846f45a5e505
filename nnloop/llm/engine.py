"""The interface between the search and a language model. Imports no torch."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nnloop.llm.stopping import Ending
from nnloop.records import Completion, Generation, Prompt


@dataclass(frozen=True, slots=True)
class Successes:
    """The networks that an edit operator made in a run so far: the selected ones, and all."""

    selected: int = 0
    made: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to generate. `seed` alone decides the sampling: the batch that it falls in does not."""

    prompt: Prompt
    parent_code: str  # source of the network that the prompt shows
    cycle: int
    slot: int
    seed: int
    retry_of: int | None = None  # slot of this cycle whose failure the prompt sends back
    successes: Mapping[str, Successes] = field(default_factory=dict)  # of operators so far, by name; for llm=bandit

    def answer(
        self,
        text: str,
        seconds: float,
        *,
        tokens: int = 0,
        prompt_tokens: int = 0,
        adapter: str | None = None,
        ending: Ending = Ending.ANSWER,
        failure: str = "",
        operators: Sequence[str] = (),
    ) -> Completion:
        """Make the completion that answers this request; `failure` says why there is no answer."""
        prompt = self.prompt
        generation = Generation(
            cycle=self.cycle,
            slot=self.slot,
            parent=prompt.parent,
            mode=prompt.mode,
            seed=self.seed,
            tokens=tokens,
            prompt_tokens=prompt_tokens,
            lines=len(text.strip().splitlines()),
            seconds=seconds,
            adapter=adapter,
            retry_of=self.retry_of,
            shown=prompt.shown,
            dropped=prompt.dropped,
            truncated=ending is Ending.LIMIT,
            looped=ending is Ending.LOOP,
            failure=failure,
            dataset=prompt.dataset,
            operators=list(operators),
        )
        return Completion(generation, prompt.text, text)


def guess_tokens(text: str) -> int:
    """Estimate a text's tokens for an unknown tokenizer: one for three characters, more than source code needs."""
    return -(-len(text) // 3)


Watch = Callable[[int], None]
"""Told of every few tokens that are written, so that a person sees them come; it changes nothing."""


def unwatched(tokens: int) -> None:
    """Do nothing with the tokens that are written."""


class Engine(Protocol):
    """A source of completions."""

    @property
    def trainable(self) -> bool:
        """True if its model can be LoRA-tuned."""

    @property
    def adapter(self) -> str | None:
        """The hash of the current adapter; None for the bare model."""

    def generate(self, requests: Sequence[Request], watch: Watch = unwatched) -> Iterator[Completion]:
        """Yield each completion as soon as it is finished, in any order; `watch` is told of tokens while they come.

        `Generation.seconds` is its share of the time spent generating: the shares of a batch add up to its time.
        """

    def fits(self, text: str) -> bool:
        """Return whether a prompt leaves room for a whole completion; `generate` refuses one that does not."""

    def writes(self, text: str) -> bool:
        """Return whether a completion of this text stays within llm.max_new_tokens."""

    def count(self, text: str) -> int:
        """Count a text's tokens; an estimate if the tokenizer is out of reach."""

    def use_adapter(self, folder: Path | None) -> None:
        """Generate with the adapter saved in `folder` from now on; None is the adapter that the engine started with."""

    def offload(self) -> None:
        """Free the memory for trials if llm.offload is set; the next request loads the model again."""

    def close(self) -> None:
        """Free the memory. The engine is not used again."""


class WeightlessEngine:
    """An engine without a model: nothing to tune, to count or to free. Subclasses write the answers."""

    trainable = False
    adapter: str | None = None

    def answer(self, request: Request) -> str:
        """Write the text that answers a request."""
        raise NotImplementedError

    def generate(self, requests: Sequence[Request], watch: Watch = unwatched) -> Iterator[Completion]:
        """Yield an answer to each request, in the requests' order."""
        for request in requests:
            start = time.perf_counter()
            text = self.answer(request)
            yield request.answer(text, time.perf_counter() - start)

    def fits(self, text: str) -> bool:
        """Return True: there is no context to exceed."""
        return True

    def writes(self, text: str) -> bool:
        """Return True: its answers have no limit."""
        return True

    def count(self, text: str) -> int:
        """Estimate a text's tokens."""
        return guess_tokens(text)

    def use_adapter(self, folder: Path | None) -> None:
        """Refuse any adapter. Raises ValueError."""
        if folder is not None:
            raise ValueError("llm=random and llm=scripted have no weights for an adapter")

    def offload(self) -> None:
        """Do nothing: there is no memory to free."""

    def close(self) -> None:
        """Do nothing: there is no memory to free."""
