"""Read the hunks of a diff that an LLM wrote, by the rules in `patching.patch`.

Reading is lenient, and decides nothing about places: a misread line doesn't match the source later, which refuses the
hunk. The time is linear in the text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nnloop.patching.source import Index, squeeze

_NUMBERS = re.compile(r"@@+ *-(\d{1,9})(?:,(\d{1,9}))? +\+(\d{1,9})(?:,(\d{1,9}))?")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_TAG = re.compile(r"\s*</?[A-Za-z_|]+>?\s*$")
_BULLET = re.compile(r"[-+] \S")
_ELISION = re.compile(r"(?:# ?)?(?:\.\.\.|…)[\w ,'()-]*(?:\.\.\.|…)?")
_FILE = re.compile(r"(?:---|\+\+\+) (?:\S*[\w-]\.\w+|/dev/null)(?:\t.*| +\+\+\+ \S+)?\s*")
_STEP = re.compile(r"\*\*\* (Update|Add|Delete) File: *(\S.*)|\*\*\* (?:Begin Patch|End Patch|End of File|Move to:).*")
_CONTEXT_DIFF = re.compile(r"(?m)^\*{15}")
_SECTION = ("diff --git ", "diff -", "Index: ", "GIT binary patch", "Binary files ")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk."""

    kind: str  # " " context, "-" removed, "+" added
    text: str  # with its line ending, unless the diff says that the file ends without one


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk. `start` counts from 0 and is None if the header has no numbers."""

    lines: tuple[Line, ...]
    start: int | None
    heading: str = ""  # the header's text beside its numbers, a line for each header
    announced: tuple[int, int] | None = None  # old and new lines by the header
    cut: bool = False  # the text may have ended inside this hunk
    follows: bool = False  # comes after an elision, so its place is behind the hunk before
    inline: bool = False  # may be a part of one line

    @property
    def old(self) -> list[str]:
        """The texts of its context and removed lines."""
        return [line.text for line in self.lines if line.kind != "+"]

    @property
    def changes(self) -> bool:
        """True if it adds or removes a line."""
        return any(line.kind != " " for line in self.lines)


@dataclass(slots=True)
class Section:
    """The hunks of one file."""

    hunks: list[Hunk] = field(default_factory=list)
    refusal: str = ""  # the reason why this section can't be a change of the source


def read(text: str, known: Index) -> list[Section]:
    """Split a diff into sections of hunks; `known` has the source's lines without their white space."""
    lines = _dedent(_lines(text))
    if _CONTEXT_DIFF.search(text):
        return [Section(refusal="a context diff: only unified diffs are read")]
    if not any(line.startswith("@@") for line in lines):
        return _headless(lines, known)
    sections: dict[str, Section] = {}  # by the file's name in the headers, "" without headers
    section = sections.setdefault("", Section())
    at, headings = 0, list[str]()
    while at < len(lines):
        size = _file_header(lines, at, known)
        if size:
            section = _open_section(sections, lines[at : at + size])
            at += size
        elif lines[at].startswith("@@") or (at and _STEP.match(lines[at - 1]) and lines[at][:1] in ("+", "-", " ")):
            hunk, at = _hunk(lines, at, known)
            headings.append(hunk.heading)
            if hunk.lines:
                section.hunks.append(replace(hunk, heading="\n".join(filter(None, headings))))
                headings = []
        else:
            at += 1
    return [each for each in sections.values() if each.hunks or each.refusal]


def split_elisions(hunk: Hunk, known: Index) -> list[Hunk]:
    """Cut a hunk at its `...` lines, unless the source has such a line itself."""
    parts: list[list[Line]] = [[]]
    for line in hunk.lines:
        if line.kind == " " and _ELISION.fullmatch(line.text.strip()) and squeeze(line.text) not in known:
            parts.append([])
        else:
            parts[-1].append(line)
    if len(parts) == 1:
        return [hunk]
    whole = [replace(hunk, lines=tuple(part), cut=False) for part in parts if part]
    rest = [replace(part, start=None, heading="", announced=None, follows=True) for part in whole[1:]]
    return [*whole[:1], *rest[:-1], *(replace(part, cut=hunk.cut) for part in rest[-1:])]


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _dedent(lines: list[str]) -> list[str]:
    """Undo an indentation of the whole diff, seen at its hunk headers."""
    first = next((line for line in lines if line.lstrip(" \t").startswith("@@")), "")
    margin = first[: len(first) - len(first.lstrip(" \t"))]
    return [line.removeprefix(margin) for line in lines] if margin else lines


def _file_header(lines: Sequence[str], at: int, known: Index) -> int:
    """Return the number of lines of the file header that stands at a line, 0 for none."""
    line = lines[at]
    if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
        return 2
    return int(bool(_STEP.fullmatch(line) or (_FILE.fullmatch(line) and squeeze(line[1:]) not in known)))


def _open_section(sections: dict[str, Section], header: Sequence[str]) -> Section:
    """Start or continue the section of the file that header lines name; no file is opened."""
    step = _STEP.fullmatch(header[0])
    if step:
        verb, name = step[1] or "", step[2] or next(reversed(sections))
        paths = [name if verb != "Add" else "/dev/null", name if verb != "Delete" else "/dev/null"]
    else:
        paths = [line[4:].split("\t")[0].strip() for line in (header[0], header[-1])]
    name = paths[0] if paths[1] == "/dev/null" else paths[1]
    section = sections.setdefault(name, Section())
    if paths[1] == "/dev/null":
        section.refusal = "it deletes the file"
    elif paths[0] == "/dev/null":
        section.refusal = "it creates a file instead of changing the source"
    return section


def _hunk(lines: Sequence[str], at: int, known: Index) -> tuple[Hunk, int]:
    """Read the hunk whose header is at `at`; also return the line after it."""
    if not lines[at].startswith("@@"):  # the first hunk of a file, without a header
        at -= 1
    start, announced, heading = _header(lines[at] if lines[at].startswith("@@") else "@@")
    end = _counted(lines, at + 1, announced) if announced else None
    if end is not None and not _goes_on(lines, end, known):
        return Hunk(_body(lines[at + 1 : end]), start, heading, announced=announced), end
    limit = _region(lines, at + 1, known)
    end = at + 1 + _tail(lines[at + 1 : limit], known)
    body = _body(lines[at + 1 : end])
    cut = _is_cut(body, announced, end == len(lines))
    return Hunk(body, start, heading, announced=announced, cut=cut), end


def _header(line: str) -> tuple[int | None, tuple[int, int] | None, str]:
    numbers = _NUMBERS.match(line)
    heading = (line[numbers.end() :] if numbers else line).strip().strip("@").strip()
    if heading.strip(". …") == "":
        heading = ""
    if numbers is None:
        return None, None, heading
    first, old, _, new = numbers.groups()
    counts = (1 if old is None else int(old), 1 if new is None else int(new))
    return int(first) - (1 if counts[0] and int(first) else 0), counts, heading


def _counted(lines: Sequence[str], at: int, announced: tuple[int, int]) -> int | None:
    """Return the end of a hunk by its header's counts; None if the lines contradict them."""
    old, new = announced
    while old > 0 or new > 0:
        if at >= len(lines):
            return None
        mark = lines[at][:1]
        if mark not in ("", " ", "+", "-", "\\", "\r"):
            return None
        old -= mark in ("", " ", "-", "\r")
        new -= mark in ("", " ", "+", "\r")
        at += 1
    if old < 0 or new < 0:
        return None
    return at + 1 if at < len(lines) and lines[at].startswith("\\") else at


def _goes_on(lines: Sequence[str], at: int, known: Index) -> bool:
    """Tell whether more of a hunk follows although its header's counts are used up: the header counted too few."""
    after = at
    while after < len(lines) and not lines[after].strip():
        after += 1
    if after >= len(lines) or lines[after][0] not in " +-" or _ends_hunk(lines, after, known):
        return False
    return after == at or not _is_bullet(lines[after], known)


def _region(lines: Sequence[str], at: int, known: Index) -> int:
    while at < len(lines) and not _ends_hunk(lines, at, known):
        at += 1
    return at


def _ends_hunk(lines: Sequence[str], at: int, known: Index) -> bool:
    line = lines[at]
    if line.startswith(("@@", *_SECTION)) or _file_header(lines, at, known):
        return True
    return line.rstrip() == "--" or _FENCE.match(line) is not None or _TAG.match(line) is not None


def _tail(region: Sequence[str], known: Index) -> int:
    """Return the beginning of the prose behind a hunk: the first line after its last change that no diff can have."""
    last = -1
    prose = False  # in a paragraph that began behind a blank line
    for at, line in enumerate(region):
        bullet = _is_bullet(line, known)
        prose = bullet and (prose or at == 0 or not region[at - 1].strip())
        if line[:1] in ("+", "-") and not prose:
            last = at
    end = last + 1
    while end < len(region) and (region[end][:1] in (" ", "\\") or not region[end].strip()):
        end += 1
    while end > last + 1 and region[end - 1] in ("", "\r"):
        end -= 1
    return end


def _is_bullet(line: str, known: Index) -> bool:
    return _BULLET.match(line) is not None and squeeze(line[1:]) not in known


def _body(lines: Sequence[str]) -> tuple[Line, ...]:
    body: list[Line] = []
    for line in lines:
        if line.startswith("\\"):
            if body:
                body[-1] = replace(body[-1], text=body[-1].text.removesuffix("\n"))
        elif line[:1] in (" ", "+", "-"):
            body.append(Line(line[0], line[1:] + "\n"))
        else:
            body.append(Line(" ", line + "\n"))
    return tuple(body)


def _is_cut(body: tuple[Line, ...], announced: tuple[int, int] | None, at_end: bool) -> bool:
    """Tell whether the text stops inside the hunk: lines are missing, nothing follows, the last line is a change."""
    if announced is None or not at_end or not body or body[-1].kind == " ":
        return False
    old = sum(line.kind != "+" for line in body)
    new = sum(line.kind != "-" for line in body)
    return old < announced[0] or new < announced[1]


def _headless(lines: list[str], known: Index) -> list[Section]:
    """Read a diff without a single hunk header as one hunk without numbers."""
    first = 0
    refusals = Section()
    for at in range(len(lines)):
        size = _file_header(lines, at, known)
        if size:
            first = max(first, at + size) if not lines[at].startswith("*** End") else first
            refusals = _open_section({"": refusals}, lines[at : at + size]) if not refusals.refusal else refusals
    change = next((at for at in range(first, len(lines)) if _looks_changed(lines, at, known)), None)
    if change is None or refusals.refusal:
        return [refusals] if refusals.refusal else []
    start = change
    while start > first and (lines[start - 1][:1] in (" ", "\t") or squeeze(lines[start - 1] or "@") in known):
        start -= 1
    hunks = []
    while True:
        end = _region(lines, start, known)
        hunks.append(Hunk(_body(lines[start : start + _tail(lines[start:end], known)]), None))
        if not (end + 1 < len(lines) and _FENCE.match(lines[end]) and lines[end + 1][:1] in ("+", "-", " ")):
            return [Section(hunks=hunks)]
        start = end + 1  # the next of several fenced blocks, which together are one diff


def _looks_changed(lines: Sequence[str], at: int, known: Index) -> bool:
    return lines[at][:1] in ("+", "-") and not _ends_hunk(lines, at, known) and not _is_bullet(lines[at], known)
