"""What the search asks of a language model, whatever stands behind it. Imports no torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nnloop.records import Completion, Prompt


@dataclass(frozen=True, slots=True)
class Request:
    """One completion wanted. `seed` alone decides the sampling: the batch that it falls in does not."""

    prompt: Prompt
    baseline: str  # source of the network that the prompt shows
    cycle: int
    slot: int
    seed: int
    repairs: int | None = None  # slot of the cycle whose failure it sends back

    def answer(
        self,
        text: str,
        seconds: float,
        tokens: int = 0,
        prompt_tokens: int = 0,
        adapter: str | None = None,
        truncated: bool = False,
    ) -> Completion:
        """Make the completion that answers this request."""
        return Completion(
            prompt=self.prompt,
            text=text,
            cycle=self.cycle,
            slot=self.slot,
            seed=self.seed,
            tokens=tokens,
            prompt_tokens=prompt_tokens,
            seconds=seconds,
            adapter=adapter,
            truncated=truncated,
            repairs=self.repairs,
        )


def guess_tokens(text: str) -> int:
    """Tokens of a text for an unknown tokenizer: one for every three characters, which is more than code takes."""
    return -(-len(text) // 3)


class Engine(Protocol):
    """A source of completions."""

    @property
    def trainable(self) -> bool:
        """Whether it can be LoRA-tuned."""

    @property
    def adapter(self) -> str | None:
        """Hash of the adapter in force; None for the bare model."""

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield each completion as soon as it is finished, in any order.

        `Completion.seconds` is its share of the time spent generating: the shares of a batch add up to its time.
        """

    def fits(self, text: str) -> bool:
        """Whether a prompt of this text leaves room for a whole completion; `generate` refuses one that does not."""

    def count(self, text: str) -> int:
        """Tokens of a text; a guess where the tokenizer is out of reach."""

    def use_adapter(self, folder: Path | None) -> None:
        """Generate with the adapter saved in `folder` from now on; None is what the engine started with."""

    def rest(self) -> None:
        """Nothing is asked for a while: let trials have the memory, where the settings say so."""

    def close(self) -> None:
        """Free the memory. The engine is not used again."""
