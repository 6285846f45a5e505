"""No LLM: random structural edits, answered in the format that an LLM is asked for."""

import random

from nnloop.corpus.edits import mutate
from nnloop.llm.engine import Request, WeightlessEngine
from nnloop.modes.render import delta_target, full_target
from nnloop.settings import RandomLlmSettings


class RandomEngine(WeightlessEngine):
    """The random-search arm: its texts take the same path as an LLM's completions."""

    def __init__(self, settings: RandomLlmSettings, mode: str) -> None:
        self._settings = settings
        self._mode = mode

    @property
    def edits(self) -> int:
        """Operators that are applied to a parent."""
        return self._settings.edits[self._mode]

    def answer(self, request: Request) -> str:
        """Edit the request's parent at random, as its seed says."""
        parent = request.parent_code
        return self.write(parent, _edited(parent, random.Random(request.seed), self.edits))

    def write(self, parent: str, code: str) -> str:
        """Write an edited parent in the form that the mode asks for."""
        if self._mode == "full":
            return full_target(code)
        return delta_target(
            parent, code, context_lines=self._settings.diff_context, line_numbers=self._settings.diff_line_numbers
        )


def _edited(code: str, rng: random.Random, edits: int) -> str:
    """Edit the code; code in another idiom than the operators' is returned unchanged, which counts as no_change."""
    try:
        return mutate(code, rng, edits)
    except ValueError:
        return code
