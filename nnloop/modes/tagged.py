"""Find the tagged parts of an answer: a tag counts where it stands on a line of its own.

The stop rule of generation and the reading of answers share these rules, so that what ended a completion is also what
is taken from it.
"""

import re
import textwrap
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from nnloop.modes import thoughts

TAGS = {"delta": "delta", "full": "nn"}
"""The tag around an answer, by mode."""
HEADER = re.compile(
    r"(?mi)^[ \t]*@@|^[ \t]*(?:<{3,9}|-{5,9}) ?(?:SEARCH|ORIGINAL|HEAD)\b|^<{5,9}[ \w:\r]*$"
    r"|^[ \t]*<(?:search|find|before|old|old_str|old_string|old_code|original)>|^[ \t*#]*SEARCH[ \t*:]*\n```"
    r"|^(?:---|\+\+\+) \S*[\w-]\.\w|^--- .*\n\+\+\+ |^\*\*\* (?:Begin Patch|Update File:)|^\*{15}"
)
"""Headers of a diff."""
DIFF = re.compile(HEADER.pattern + r"|^[-+](?![-+]*\s*$)(?! \S)")
"""Marks of a diff."""
_HOLDS = {"delta": DIFF, "full": re.compile(r"(?m)^[ \t]*class Net\b")}


@dataclass(frozen=True, slots=True)
class Tagged:
    """The content of one tag, and where the tag ends in the text."""

    content: str
    end: int
    closed: bool


def tagged(text: str, mode: str) -> Iterator[Tagged]:
    """Yield the tagged parts that hold an answer of the mode.

    A part begins at an opening tag on a line of its own, and ends at the next line that begins or ends with the closing
    one, else at the next opening tag or at the end of the text.
    """
    name = TAGS[mode]
    openings = list(re.finditer(rf"(?m)^[ \t\ufeff]*<{name}>[ \t\r]*$\n?", text))
    closings = deque(re.finditer(rf"(?m)^[ \t]*</{name}>|</{name}>(?=[ \t\r]*$)", text))
    starts = [*(opening.start() for opening in openings), len(text)]
    for opening, following in zip(openings, starts[1:], strict=True):
        while closings and closings[0].start() < opening.end():
            closings.popleft()
        end = closings[0] if closings and closings[0].start() < following else None
        content = text[opening.end() : end.start() if end else following]
        for one in (content, textwrap.dedent(content)):
            if _HOLDS[mode].search(one):
                yield Tagged(one, end.end() if end else following, end is not None)
                break


def end_of_answer(text: str, mode: str) -> int | None:
    """Return where an answer that is being written has ended, behind its closing tag; None if it has not.

    Tags in a thought do not count, nor a pair of tags around something else than an answer.
    """
    return next((part.end for part in tagged(thoughts.masked(text), mode) if part.closed), None)
