"""Replace a part of one line: a SEARCH that stands in no line as a whole, but once in the text.

<<<<<<< SEARCH
nn.Conv2d(16, 32, 3)
=======
nn.Conv2d(16, 64, 3)
>>>>>>> REPLACE
"""

import re

from nnloop.patching.diff import Hunk
from nnloop.patching.source import Edit, PlaceError, SourceLines


def edit_within(source: SourceLines, hunk: Hunk) -> Edit | None:
    """Return the edit of the lines that hold what a hunk replaces; None if they hold it nowhere.

    What is replaced begins and ends with whole words. Raises PlaceError if it stands in several places.
    """
    old = "".join(hunk.old).strip()
    new = "".join(line.text for line in hunk.lines if line.kind != "-").strip()
    if not old:
        return None
    places = [match.span() for match in re.finditer(re.escape(old), source.text)]
    if len(places) > 1:
        raise PlaceError(f"{old[:80]!r} is a part of {len(places)} lines")
    if not places or _cuts_a_word(source.text, places[0]):
        return None
    start, end = places[0]
    first, last = source.text.count("\n", 0, start), source.text.count("\n", 0, end)
    before, after = source.text[:start].rpartition("\n")[2], source.text[end:].partition("\n")[0]
    ending = "\n" if source.lines[last].endswith("\n") else ""
    text = before + new + after
    return Edit(first, last + 1, (*(f"{line}\n" for line in text.split("\n")[:-1]), text.split("\n")[-1] + ending))


def _cuts_a_word(text: str, span: tuple[int, int]) -> bool:
    return any(0 < at < len(text) and re.fullmatch(r"\w\w", text[at - 1 : at + 1]) for at in span)
