"""llm=bandit: random edits whose operators are chosen by their success in the run so far (Thompson sampling).

An operator succeeds if its network is selected. Each choice draws a rate for every operator from its Beta posterior
under a uniform prior, and takes the operator with the highest rate that applies to the network.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence

from nnloop.corpus.edits import OPERATORS, apply_operator
from nnloop.llm.engine import Request, Successes, Watch, unwatched
from nnloop.llm.random import RandomEngine
from nnloop.records import Completion

_TRIES = 5  # with each operator: its place in the network is random


class BanditEngine(RandomEngine):
    """The random engine with another choice of operators."""

    def generate(self, requests: Sequence[Request], watch: Watch = unwatched) -> Iterator[Completion]:
        """Yield an answer to each request, in the requests' order."""
        for request in requests:
            start = time.perf_counter()
            code, operators = self._edit(request)
            text = self.write(request.parent_code, code)
            yield request.answer(text, time.perf_counter() - start, operators=operators)

    def _edit(self, request: Request) -> tuple[str, list[str]]:
        rng, code, made = random.Random(request.seed), request.parent_code, list[str]()
        for _ in range(self.edits):
            edited = edit(code, rng, request.successes)
            if edited is None:
                break
            code, operator = edited
            made.append(operator)
        return code, made


def edit(code: str, rng: random.Random, successes: Mapping[str, Successes]) -> tuple[str, str] | None:
    """Make one edit; return the code and the operator's name, or None for code in another idiom than the operators'."""
    known = {name: successes.get(name, Successes()) for name in OPERATORS}
    rates = {name: rng.betavariate(1 + one.selected, 1 + one.made - one.selected) for name, one in known.items()}
    for name in sorted(rates, key=lambda name: -rates[name]):
        for _ in range(_TRIES):
            try:
                edited = apply_operator(name, code, rng)
            except ValueError:
                return None
            if edited is not None:
                return edited, name
    return None
