"""No LLM: structural edits drawn at random, answered in the format that an LLM is asked for."""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnloop.corpus.edits import mutate
from nnloop.llm.engine import Request, guess_tokens
from nnloop.modes.render import delta_target, full_target
from nnloop.records import Completion
from nnloop.settings import RandomLlmSettings


class RandomEngine:
    """The random-search arm: it takes the path of an LLM from the completion's text on."""

    trainable = False
    adapter: str | None = None

    def __init__(self, settings: RandomLlmSettings, mode: str) -> None:
        self._settings = settings
        self._mode = mode

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            start = time.perf_counter()
            text = self._answer(request.baseline, random.Random(request.seed))
            yield request.answer(text, time.perf_counter() - start)

    def fits(self, text: str) -> bool:
        return True

    def count(self, text: str) -> int:
        return guess_tokens(text)

    def use_adapter(self, folder: Path | None) -> None:
        if folder is not None:
            raise ValueError("llm=random has no weights for an adapter")

    def rest(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _answer(self, baseline: str, rng: random.Random) -> str:
        code = _edited(baseline, rng, self._settings.edits[self._mode])
        if self._mode == "full":
            return full_target(code)
        return delta_target(
            baseline, code, context_lines=self._settings.diff_context, line_numbers=self._settings.diff_line_numbers
        )


def _edited(code: str, rng: random.Random, edits: int) -> str:
    """Edit the code; a network that is not in the operators' idiom comes back as it is and counts as no_change."""
    try:
        return mutate(code, rng, edits)
    except ValueError:
        return code
