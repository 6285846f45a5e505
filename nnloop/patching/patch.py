"""Apply the unified diff that an LLM wrote to the source that it was shown.

`apply_patch(source, patch)` never guesses what a line says, only where it belongs. A diff is applied as a whole or not
at all. Correct diffs give byte for byte what `git apply --unidiff-zero` and GNU `patch --binary -F0` agree on.

| what the diff looks like | what happens |
|---|---|
| correct | applied at the place that the header names |
| line numbers wrong or missing, `@@ ... @@` | place found by the context and removed lines |
| counts wrong or missing | counted again |
| several places match | the nearest to the header's line, shifted as the hunk before was; a tie takes the later |
| several places match, no line number | the first behind the hunk before, or behind the line that the header quotes |
| SEARCH/REPLACE blocks, of several forms (`patching.blocks`) | each is a hunk without numbers |
| ... `<<<<<<< SEARCH>`, a file name or line numbers behind SEARCH | left out |
| ... indented as a whole, or three or four signs in a mark | read |
| ... one more `=======` where the new lines begin or end | left out; elsewhere: refused |
| ... without its end or its divider, or with three versions | refused |
| ... part of a line, where it stands once in the source | replaced there; several times: refused |
| no hunk header at all | read as one hunk without numbers |
| `--- a/net.py` without `+++` or `@@`, and the like | a file header |
| `*** Begin Patch`, `*** Update File:` | file headers |
| several lines `@@ class Net` before a hunk | each is looked for behind the one before |
| a context diff (`***************`) | refused |
| non-breaking spaces and their like outside quotes, byte-order marks | white space, where the diff fails otherwise |
| a dash of print in the place of `-` | read as `-`, where the diff fails otherwise |
| file headers missing, wrong, with `..` or absolute paths; git's extended headers | names only: no file is touched |
| several files | the one file whose hunks all fit; refused where none or several fit |
| creates or deletes the file (`/dev/null`) | refused |
| code fence, prose before or behind, mail signature, whole diff indented | ignored |
| context or removed line differs in white space only | matched so where no place matches exactly |
| ... and then added lines | are indented as the matched lines are; refused where the result is no Python |
| line endings differ from the source's | as white space: the source's are kept |
| context line without its leading space, blank or not | read as context |
| context or removed line differs by the comment behind its code | matched so where no place matches otherwise |
| context or removed line differs otherwise, or isn't there | refused |
| ... at either end of a hunk, as context, with `fuzz` | dropped, as GNU patch does, where one place remains |
| context line `...` that the source hasn't | skips lines: what follows must stand behind what precedes |
| removed line `...` | refused, unless the source has it |
| only added lines, no context | applied at a header `-n,0`, if the other numbers were right; else refused |
| hunks out of order | each is placed in the source as shown |
| hunks overlap in context | both applied |
| hunks change the same line, or insert at the same place | refused |
| a hunk twice | the second takes a further place if there is one, else is dropped |
| the text stops inside a hunk: fewer lines than counted, the last one a change before the file's end | refused |
| hunk without a change | ignored |
| nothing changes | refused as `no_change` |
| more hunks or lines to compare than the size of the input warrants | refused: time is linear in the input |

Not done: three-way merges, renames, binary patches.

`python -m nnloop.patching.patch BASE DIFF [FUZZ]` prints the patched file and exits with 0; with 1 and a line on stderr
if the diff is refused, and with 2 if a file can't be read.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nnloop.patching import blocks, diff, syntax
from nnloop.patching.place import Placement, Placer
from nnloop.patching.source import Edit, PlaceError, SourceLines, plain_spaces

_DASH = re.compile(r"(?m)^[\u2010-\u2015\u2212](?=[ \t])")
"""A dash or minus sign of print, in the place of the one that removes a line."""


class PatchError(Exception):
    """A refused diff: it can't be applied (patch_failed) or changes nothing (no_change); `reason` is one line."""

    def __init__(self, reason: str, kind: Literal["patch_failed", "no_change"] = "patch_failed") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Patched:
    """The patched source, and the place of every hunk in the order of the diff."""

    source: str
    placements: tuple[Placement, ...]


def apply_patch(source: str, patch: str, *, fuzz: int = 0) -> Patched:
    """Apply a diff by the rules above; a hunk may lose up to `fuzz` of its outer context lines. Raises PatchError."""
    try:
        return _apply(source, patch, fuzz)
    except PatchError as error:
        plain = _DASH.sub("-", plain_spaces(patch))
        if plain == patch:
            raise
        try:
            return _apply(source, plain, fuzz)
        except PatchError:
            raise error from None


def _apply(source: str, patch: str, fuzz: int) -> Patched:
    base = SourceLines(source, patch.count("\n") + 1)
    sections = blocks.read(patch) if blocks.present(patch) else diff.read(patch, base.loose)
    if not sections:
        raise PatchError("no hunk found")
    outcomes = [_attempt(section, base, fuzz) for section in sections]
    fitting = [outcome for outcome in outcomes if not isinstance(outcome, PatchError)]
    if len(fitting) > 1:
        raise PatchError(f"{len(fitting)} files of the diff fit the source")
    if not fitting:
        raise next(outcome for outcome in outcomes if isinstance(outcome, PatchError))
    patched = _assemble(source, base.lines, fitting[0])
    if plain_spaces(patch) != patch:
        _require_python(source, patched.source)
    return patched


def _attempt(section: diff.Section, source: SourceLines, fuzz: int) -> Placer | PatchError:
    if section.refusal:
        return PatchError(section.refusal)
    hunks = [hunk for hunk in section.hunks if hunk.changes]
    if not hunks:
        return PatchError("the diff holds context only", "no_change")
    if len(hunks) > 2 * len(source.lines) + 2:
        return PatchError(f"{len(hunks)} hunks for {len(source.lines)} lines")
    placer = Placer(source, fuzz)
    for number, hunk in enumerate(hunks, 1):
        try:
            for part in diff.split_elisions(hunk, source.loose):
                placer.place(number, part)
        except PlaceError as error:
            which = f"hunk {number} of {len(hunks)}: " if len(hunks) > 1 else ""
            return PatchError(which + (_cut_off(hunk) if hunk.cut else str(error)))
    return placer


def _cut_off(hunk: diff.Hunk) -> str:
    came = sum(line.kind != "+" for line in hunk.lines), sum(line.kind != "-" for line in hunk.lines)
    return f"cut off: its header announces {hunk.announced} old and new lines, {came} came"


def _assemble(source: str, base: list[str], placer: Placer) -> Patched:
    result = _edited(base, [_terminated(edit, base) for edit in _merged(placer.edits)])
    if result == source:
        raise PatchError("the diff applies and changes nothing", "no_change")
    if any(placement.how not in ("exact", "number", "repeated") for placement in placer.placements):
        _require_python(source, result)
    return Patched(result, tuple(placer.placements))


def _merged(edits: Sequence[Edit]) -> list[Edit]:
    """Put edits in order, and join edits that touch."""
    merged: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if merged and merged[-1].end == edit.start:
            last = merged.pop()
            edit = Edit(last.start, edit.end, last.new + edit.new)
        merged.append(edit)
    return merged


def _terminated(edit: Edit, base: list[str]) -> Edit:
    """End every line but the file's last with a newline."""
    if base and edit.new and edit.start == len(base) and not base[-1].endswith("\n"):
        edit = Edit(edit.start - 1, edit.end, (base[-1], *edit.new))
    inner = len(edit.new) if edit.end < len(base) else len(edit.new) - 1
    new = [line if at >= inner or line.endswith("\n") else line + "\n" for at, line in enumerate(edit.new)]
    return Edit(edit.start, edit.end, tuple(new))


def _edited(base: list[str], edits: Sequence[Edit]) -> str:
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += [*base[at : edit.start], *edit.new]
        at = edit.end
    return "".join(pieces + base[at:])


def _require_python(source: str, result: str) -> None:
    """Raise PatchError if matching without regard to white space broke the program."""
    if _syntax_error(source) is None and (error := _syntax_error(result)) is not None:
        raise PatchError(f"applies only where much is forgiven, and the result is no Python: {error}")


def _syntax_error(code: str) -> str | None:
    try:
        syntax.parse(code)
    except SyntaxError as error:
        return error.msg
    return None


def main(arguments: Sequence[str]) -> int:
    """Print the patched file, or the reason on stderr; return the exit status."""
    fuzz = arguments[2] if len(arguments) == 3 else "0"
    if len(arguments) not in (2, 3) or not (fuzz.isascii() and fuzz.isdigit()):
        print("usage: python -m nnloop.patching.patch BASE DIFF [FUZZ]", file=sys.stderr)
        return 2
    try:
        source, patch = (Path(name).read_bytes().decode("utf-8", "surrogateescape") for name in arguments[:2])
        patched = apply_patch(source, patch, fuzz=int(fuzz))
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    except PatchError as error:
        print(f"{error.kind}: {error.reason}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(patched.source.encode("utf-8", "surrogateescape"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
