"""Read SEARCH/REPLACE blocks, which small models find easier to write than a diff, as hunks.

    <<<<<<< SEARCH
    lines of the source
    =======
    lines to put there
    >>>>>>> REPLACE

The search lines are placed by the rules of `patching.patch`, as the old lines of a hunk without numbers.
"""

import re

from nnloop.patching.diff import Hunk, Line, Section

_SEARCH = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL|HEAD)?:?\s*")
_DIVIDER = re.compile(r"={5,9}\s*")
_REPLACE = re.compile(r">{5,9} ?(?:REPLACE|UPDATED|\w{0,40})\s*")


def present(text: str) -> bool:
    """Tell whether the text has the beginning of a block."""
    return any(line.startswith("<<<<<") and _SEARCH.fullmatch(line) for line in text.split("\n"))


def read(text: str) -> list[Section]:
    """Read all blocks as hunks of one section; its `refusal` tells of a malformed block."""
    section = Section()
    old: list[str] | None = None
    new: list[str] | None = None
    for line in text.split("\n"):
        if line.startswith("<<<<<") and _SEARCH.fullmatch(line):
            section.refusal = section.refusal or ("" if old is None else "a block has no end")
            old, new = [], None
        elif old is not None and new is None and _DIVIDER.fullmatch(line):
            new = []
        elif old is not None and new is not None and line.startswith(">>>>>") and _REPLACE.fullmatch(line):
            section.hunks.append(_hunk(old, new))
            old = new = None
        elif new is not None:
            new.append(line + "\n")
        elif old is not None:
            old.append(line + "\n")
    if old is not None:
        section.refusal = section.refusal or "cut off: the last block has no end"
        section.hunks.append(_hunk(old, new or []))
    return [section]


def from_diff(diff: str) -> str:
    """Rewrite a correct diff, with enough context to be unambiguous, as blocks."""
    blocks: list[str] = []
    for hunk in re.split(r"(?m)^@@.*\n", diff)[1:]:
        lines = [line for line in hunk.split("\n") if line[:1] in (" ", "-", "+") and line]
        old = [f"{line[1:]}\n" for line in lines if line[0] != "+"]
        new = [f"{line[1:]}\n" for line in lines if line[0] != "-"]
        blocks.append("".join(["<<<<<<< SEARCH\n", *old, "=======\n", *new, ">>>>>>> REPLACE\n"]))
    return "".join(blocks)


def _hunk(old: list[str], new: list[str]) -> Hunk:
    """Make a hunk. Common lines at both ends become its context, which blocks may share."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-tail - 1] == new[-tail - 1]:
        tail += 1
    lines = [Line(" ", line) for line in old[:head]]
    lines += [Line("-", line) for line in old[head : len(old) - tail]]
    lines += [Line("+", line) for line in new[head : len(new) - tail]]
    lines += [Line(" ", line) for line in old[len(old) - tail :]]
    return Hunk(tuple(lines), None)
