"""Find the places of a diff's hunks in the source, and their edits there.

Every line that a hunk calls context or removed has to stand in the source, exactly or up to white space. Work is
bounded by a budget of line comparisons in proportion to the input, so that no input takes more than linear time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnloop.patching.diff import Hunk, Line
from nnloop.patching.match import Match, fuzzy_matches, matches, mismatch
from nnloop.patching.source import Edit, PlaceError, SourceLines, squeeze
from nnloop.patching.within import edit_within

TAB = 4
"""Columns of a tab, if an LLM writes tabs for a source that has spaces."""
_NOWHERE = "it only adds lines, and nothing says where"
_TAKEN = "it changes lines that an earlier hunk changes too"


@dataclass(frozen=True, slots=True)
class Placement:
    """The place of a hunk in the source, and the way in which it matched."""

    hunk: int  # 1 is the first of the diff
    line: int  # of the source, 1 is the first; 0 for an insertion before it
    how: str  # as in Match, or: number (an insertion without context), part of a line, repeated (dropped)
    offset: int | None = None  # lines between the header's number and the place; None without a number
    fuzz: int = 0  # context lines dropped at an end


class Placer:
    """The placements and edits of hunks that are placed one after the other in one source."""

    def __init__(self, source: SourceLines, fuzz: int = 0) -> None:
        self._source = source
        self._fuzz = fuzz
        self._removed: set[int] = set()
        self._filled: set[int] = set()  # gaps that have an insertion; gap i is before line i
        self._seen: set[tuple[Line, ...]] = set()
        self._numbered: set[tuple[int | None, tuple[Line, ...]]] = set()
        self._offset = 0
        self._end = 0  # where the last hunk ended
        self.placements: list[Placement] = []
        self.edits: list[Edit] = []

    def place(self, number: int, hunk: Hunk) -> None:
        """Place a hunk, the `number`th of its diff, and record its edits. Raises PlaceError."""
        if (hunk.start, hunk.lines) in self._numbered:
            self.placements.append(Placement(number, (hunk.start or 0) + 1, "repeated"))
            return
        match = self._find(hunk)
        if match.edit is not None:
            self._record([match.edit])
            self._end = match.edit.end
            self.placements.append(Placement(number, match.edit.start + 1, match.how))
            return
        hunk, at = match.hunk, match.at
        if hunk.cut and at + len(hunk.old) < len(self._source.lines):
            raise PlaceError("cut off")
        if match.how == "repeated":
            self.placements.append(Placement(number, at + 1, match.how))
            return
        lines = hunk.lines if match.how in ("exact", "number") else _reindented(hunk, self._source.lines, at)
        self._record(_edits(lines, at))
        offset = None if hunk.start is None else at - hunk.start
        self._offset = self._offset if offset is None else offset
        self._end = at + len(hunk.old)
        self._seen.add(hunk.lines)
        if hunk.start is not None:
            self._numbered.add((hunk.start, hunk.lines))
        self.placements.append(Placement(number, at + 1 if hunk.old else at, match.how, offset=offset, fuzz=match.fuzz))

    def _find(self, hunk: Hunk) -> Match:
        old = hunk.old
        if not old:
            return Match("number", self._by_number(hunk), hunk)
        if hunk.start is None and not any(squeeze(line) for line in old):
            raise PlaceError(_NOWHERE)
        taken, hint = None, self._hint(hunk)
        for match in matches(self._source, hunk, hint, after=self._end):
            self._source.spend(len(old))
            if self._free(_edits(hunk.lines, match.at)):
                return match
            taken = match.at
        edit = edit_within(self._source, hunk) if hunk.inline and taken is None else None
        if edit is not None:
            if self._free([edit]):
                return Match("part of a line", edit.start, hunk, edit=edit)
            raise PlaceError(_TAKEN)
        if taken is None:
            for match in fuzzy_matches(self._source, hunk, hint, after=self._end, fuzz=self._fuzz):
                if self._free(_edits(match.hunk.lines, match.at)):
                    return match
                raise PlaceError(_TAKEN)
            raise PlaceError(mismatch(self._source, hunk, hint))
        if hunk.lines in self._seen:
            return Match("repeated", taken, hunk)
        raise PlaceError(_TAKEN)

    def _by_number(self, hunk: Hunk) -> int:
        """Place an insertion without context by its header's number, if all numbers so far were right."""
        if not self._source.lines:
            return 0
        empty = hunk.announced is not None and hunk.announced[0] == 0
        if hunk.start is None or not empty or self._offset or hunk.start > len(self._source.lines):
            raise PlaceError(_NOWHERE)
        if hunk.start in self._filled:
            raise PlaceError(_TAKEN)
        return hunk.start

    def _hint(self, hunk: Hunk) -> int:
        if hunk.start is not None:
            return hunk.start + self._offset
        hint = None
        for heading in hunk.heading.split("\n") if hunk.heading else ():
            quoted = self._source.loose.places(squeeze(heading))
            hint = next((at for at in quoted if hint is None or at > hint), hint)
        return self._end if hint is None else hint

    def _free(self, edits: list[Edit]) -> bool:
        return all(self._is_free(edit) for edit in edits)

    def _is_free(self, edit: Edit) -> bool:
        """Tell whether no earlier edit removes one of these lines, or inserts at or inside the same place."""
        if edit.start == edit.end:
            return edit.start not in self._filled and not {edit.start - 1, edit.start} <= self._removed
        inside = range(edit.start + 1, edit.end)
        return self._removed.isdisjoint(range(edit.start, edit.end)) and self._filled.isdisjoint(inside)

    def _record(self, edits: list[Edit]) -> None:
        for edit in edits:
            self._removed.update(range(edit.start, edit.end))
            if edit.start == edit.end:
                self._filled.add(edit.start)
        self.edits += edits


def _edits(lines: Sequence[Line], at: int) -> list[Edit]:
    edits: list[Edit] = []
    start, new = at, list[str]()
    for line in (*lines, Line(" ", "")):
        if line.kind == "+":
            new.append(line.text)
            continue
        if line.kind == " ":
            if new or at > start:
                edits.append(Edit(start, at, tuple(new)))
            start, new = at + 1, []
        at += 1
    return edits


def _reindented(hunk: Hunk, base: Sequence[str], at: int) -> tuple[Line, ...]:
    """Give the added lines the source's indentation and line ending, which the hunk's old lines tell."""
    ending = "\r\n" if any(line.endswith("\r\n") for line in base) else "\n"
    pairs = list(zip(hunk.old, base[at : at + len(hunk.old)], strict=True))
    moved = any(_indent(ours) != _indent(theirs) for ours, theirs in pairs if ours.strip())
    written = _indents(pairs)
    lines: list[Line] = []
    for line, shift in zip(hunk.lines, _shifts(hunk, pairs), strict=True):
        if line.kind == "+":
            indent, body = _indent(line.text), line.text.lstrip(" \t").rstrip("\r\n")
            if moved:
                indent = written.get(indent, " " * max(0, _columns(indent) + shift)) if body else ""
            line = replace(line, text=indent + body + (ending if line.text.endswith("\n") else ""))
        lines.append(line)
    return tuple(lines)


def _indents(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Map each indentation of the diff that is unambiguous to the source's."""
    seen: dict[str, set[str]] = {}
    for ours, theirs in pairs:
        if ours.strip():
            seen.setdefault(_indent(ours), set()).add(_indent(theirs))
    return {ours: theirs.pop() for ours, theirs in seen.items() if len(theirs) == 1}


def _shifts(hunk: Hunk, pairs: list[tuple[str, str]]) -> list[int]:
    """Return the columns to add to each line, as at the last old line before it that isn't blank, else the next."""
    known = [_columns(theirs) - _columns(ours) if ours.strip() else None for ours, theirs in pairs]
    shift = next((each for each in known if each is not None), 0)
    shifts, old = [], 0
    for line in hunk.lines:
        if line.kind != "+":
            shift = shift if known[old] is None else known[old] or 0
            old += 1
        shifts.append(shift)
    return shifts


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _columns(line: str) -> int:
    return len(_indent(line).expandtabs(TAB))
