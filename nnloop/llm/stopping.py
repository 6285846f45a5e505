"""The ends of completions: an end token, the answer's closing tag, a loop, or the token limit. Imports no torch."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

LONGEST = 400
"""Items, tokens or characters, of the longest piece whose repetition counts as a loop."""
SHORTEST = 100
"""Items that a loop has at least, all repetitions together: a rule of dashes is none."""


class Ending(StrEnum):
    """The reason why a completion ended."""

    ANSWER = "answer"  # an end token or the closing tag
    LIMIT = "limit"  # llm.max_new_tokens
    LOOP = "loop"  # llm.max_repeats


def loops(items: Sequence[Any], times: int) -> bool:
    """Tell whether a text or its tokens end in one piece `times` over, exactly the same; never for 0 times.

    Lines that count on (`conv1`, `conv2`, ...) are no loop: many good networks have them.
    """
    length = len(items)
    for period in range(1, min(LONGEST, length // times if times > 1 else 0) + 1):
        copies = max(times, -(-SHORTEST // period))
        span = copies * period
        if (
            span > length
            or items[-1] != items[-1 - period]
            or items[-(span // 2 + 1)] != items[-(span // 2 + 1) + period]
        ):
            continue
        if items[length - span + period :] == items[length - span : length - period]:
            return True
    return False
