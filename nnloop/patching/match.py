"""Find where the old lines of a hunk stand in the source, by ways that forgive more and more.

The work of a search is taken from the source's budget of line comparisons.
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nnloop.patching.diff import Hunk
from nnloop.patching.source import Edit, Index, PlaceError, SourceLines, bare, squeeze

_COMMON = 16
"""Places from which on a line tells too little about where a hunk was meant to go."""
_SHOWN = 80
"""Characters of a line that a reason quotes."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place of a hunk in the source. `hunk` is the part that matched: without the context lines that fuzz dropped."""

    how: str  # exact, white space, comment
    at: int
    hunk: Hunk
    fuzz: int = 0  # context lines dropped at an end
    edit: Edit | None = None  # None: as the hunk's lines say


def matches(source: SourceLines, hunk: Hunk, hint: int, *, after: int) -> Iterator[Match]:
    """Yield the places of a hunk: exact ones before others, and of each kind the nearest to `hint` first.

    After an elision (`hunk.follows`), places before `after` are left out.
    """
    for how, (key, index) in source.ways.items():
        wanted = [key(line) for line in hunk.old]
        for at in _starts(source, index, wanted, hint=hint, forward=hunk.start is None, follows=hunk.follows):
            if at >= after or not hunk.follows:
                yield Match(how, at, hunk)


def fuzzy_matches(source: SourceLines, hunk: Hunk, hint: int, *, after: int, fuzz: int) -> list[Match]:
    """Return the place of a hunk without up to `fuzz` of its outer context lines, as GNU patch drops them.

    Raises PlaceError if the rest fits in several places, none of which is the one that the header names.
    """
    for dropped in range(1, fuzz + 1):
        rest, shift = without_outer_context(hunk, dropped)
        if rest is None:
            break
        places: dict[int, Match] = {}
        for match in matches(source, rest, hint + shift, after=after):
            places.setdefault(match.at, replace(match, fuzz=dropped))
        if hunk.start is not None and hint + shift in places:
            return [places[hint + shift]]
        if len(places) > 1:
            raise PlaceError(f"without {dropped} of its outer context lines it fits in {len(places)} places")
        if places:
            return list(places.values())
    return []


def without_outer_context(hunk: Hunk, dropped: int) -> tuple[Hunk | None, int]:
    """Drop so many context lines at the end of a hunk that has more of them, and as many as exceed that at the other.

    Return the rest and the number of lines dropped at its beginning. The rest is None if so many are not there, or if
    nothing but blank lines would say where it belongs.
    """
    kinds = [line.kind != " " for line in hunk.lines]
    before, after = kinds.index(True), kinds[::-1].index(True)
    if dropped > max(before, after):
        return None, 0
    head, tail = (max(0, dropped + context - max(before, after)) for context in (before, after))
    rest = replace(hunk, lines=hunk.lines[head : len(hunk.lines) - tail])
    rest = rest if hunk.start is None else replace(rest, start=hunk.start + head)
    return (rest if any(squeeze(line) for line in rest.old) else None), head


def mismatch(source: SourceLines, hunk: Hunk, hint: int) -> str:
    """Say which line of a hunk fails, and what the source has in its place."""
    old = hunk.old
    start = _likely_start(source, hunk, hint)
    if start is None:
        missing = next((line for line in old if squeeze(line) and squeeze(line) not in source.loose), old[0])
        return f"the source has no line {_quoted(missing)}"
    for at, line in enumerate(old, start):
        there = source.lines[at] if 0 <= at < len(source.lines) else None
        if there is None or bare(there) != bare(line):
            known = squeeze(line) in source.loose or not squeeze(line)
            what = (
                f"its line {_quoted(line)} does not stand there" if known else f"the source has no line {_quoted(line)}"
            )
            place = f"line {at + 1} is {_quoted(there)}" if there is not None else "the source ends before"
            return f"{what.format(_quoted(line))}: {place}"
    return "its lines are in the source, but an earlier hunk's place comes after them"


def _likely_start(source: SourceLines, hunk: Hunk, hint: int) -> int | None:
    """Return the place where most lines of a hunk stand; None if none of them says where it was meant to go."""
    votes: Counter[int] = Counter()
    for number, line in enumerate(hunk.old):
        places = source.loose.places(squeeze(line)) if squeeze(line) else ()
        votes.update(at - number for at in (places if len(places) < _COMMON else ()))
    if votes:
        return max(votes, key=lambda at: (votes[at], -abs(at - hint)))
    if hunk.start is not None and 0 <= hint < len(source.lines):
        return hint
    for number, line in enumerate(hunk.old):
        if squeeze(line):
            near = difflib.get_close_matches(line[:_SHOWN], [each[:_SHOWN] for each in source.lines[:1000]], n=1)
            return [each[:_SHOWN] for each in source.lines].index(near[0]) - number if near else None
    return None


def _quoted(line: str) -> str:
    return repr(line.strip()[:_SHOWN])


def _starts(
    source: SourceLines, index: Index, wanted: Sequence[str], *, hint: int, forward: bool, follows: bool
) -> Iterator[int]:
    """Yield the places of the wanted lines, the nearest to the hint first."""
    if source.stands(index, wanted, hint) and not follows:
        yield hint
    starts = index.starts(wanted)
    source.spend(len(starts))
    for at in _nearest(starts, hint, forward):
        if source.stands(index, wanted, at):
            yield at


def _nearest(places: list[int], hint: int, forward: bool) -> list[int]:
    """Order by distance, the later place first in a tie; with `forward`, all places from the hint on come first."""
    return sorted(places, key=lambda at: (forward and at < hint, abs(at - hint), at < hint))
