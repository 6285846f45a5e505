"""The lines of a source text, their places, and ways of comparing them."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_ODD_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_NO_WIDTH = "\ufeff\u200b\u2060"
_ODD = str.maketrans({**dict.fromkeys(_ODD_SPACES, " "), **dict.fromkeys(_NO_WIDTH)})
_HAS_ODD = re.compile(f"[{_ODD_SPACES}{_NO_WIDTH}]")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_COMPARISONS = 64
"""Line comparisons per line of input before a diff is given up as too ambiguous."""


class PlaceError(Exception):
    """A hunk that fits nowhere in the source; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of the source's lines [start, end) by `new`."""

    start: int
    end: int
    new: tuple[str, ...]


class Index:
    """The places of every line of a text, under one way of comparing lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        self._at: dict[str, list[int]] = defaultdict(list)
        for at, line in enumerate(self.lines):
            self._at[line].append(at)

    def __contains__(self, line: str) -> bool:
        return line in self._at

    def places(self, line: str) -> Sequence[int]:
        """Return the places of a line, counted from 0."""
        return self._at.get(line, ())

    def starts(self, wanted: Sequence[str]) -> list[int]:
        """List the places where a block could start, judged by the rarest of its lines."""
        rarest = min(range(len(wanted)), key=lambda at: len(self._at.get(wanted[at], ())))
        return [at - rarest for at in self._at.get(wanted[rarest], ())]


class SourceLines:
    """A source indexed by line, under each way of comparing lines, with a budget of line comparisons.

    The budget grows with the lines of the source and of the patch, so that patching takes linear time at most.
    """

    def __init__(self, source: str, patch_lines: int) -> None:
        self.text = source
        self.lines = split_lines(source)
        self.exact = Index(self.lines)
        self.loose = Index([squeeze(line) for line in self.lines])
        self.ways: dict[str, tuple[Callable[[str], str], Index]] = {
            "exact": (str, self.exact),
            "white space": (squeeze, self.loose),
            "comment": (bare, Index([bare(line) for line in self.lines])),
        }
        self._budget = (len(self.lines) + patch_lines + 100) * _COMPARISONS

    def spend(self, comparisons: int) -> None:
        """Take from the budget. Raises PlaceError when it is used up."""
        self._budget -= comparisons
        if self._budget < 0:
            raise PlaceError("the diff fits in too many places")

    def stands(self, index: Index, wanted: Sequence[str], at: int) -> bool:
        """Tell whether the index has the wanted lines from line `at` on."""
        if at < 0 or at + len(wanted) > len(index.lines):
            return False
        self.spend(len(wanted))
        return index.lines[at : at + len(wanted)] == wanted


def split_lines(text: str) -> list[str]:
    """Split at newlines alone, as diff does (str.splitlines knows eight more), and keep them."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def squeeze(text: str) -> str:
    """Drop all white space, so that lines that differ in nothing else become equal."""
    return "".join(text.split())


def bare(line: str) -> str:
    """Drop all white space and the comment behind the code of a line; a line that is only a comment keeps it."""
    quote = ""
    for at, char in enumerate(line if "#" in line else ""):
        if quote:
            quote = "" if char == quote and line[at - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
        elif char == "#":
            return squeeze(line[:at]) or squeeze(line)
    return squeeze(line)


def plain_spaces(text: str) -> str:
    """Replace white space that no Python allows, such as non-breaking spaces, and drop byte-order marks.

    Texts in quotes keep it, as far as a line by itself shows them.
    """
    if not _HAS_ODD.search(text):
        return text
    lines = (_QUOTED.split(line) if _HAS_ODD.search(line) else [line] for line in text.split("\n"))
    return "\n".join(
        "".join(part if at % 2 else part.translate(_ODD) for at, part in enumerate(parts)) for parts in lines
    )
