"""Apply the unified diff that an LLM wrote to the baseline it was shown.

`apply_patch(source, patch)` never guesses what a line says, only where it belongs. A diff is applied as a whole or not
at all. Correct diffs give byte for byte what `git apply --unidiff-zero` and GNU `patch --binary -F0` agree on.

| what the diff looks like | what happens |
|---|---|
| correct | applied at the place that the header names |
| line numbers wrong or missing, `@@ ... @@` | place found by the context and removed lines |
| counts wrong or missing | counted again |
| several places match | the nearest to the header's line, shifted as the hunk before was; a tie takes the later |
| several places match, no line number | the first behind the hunk before, or behind the line that the header quotes |
| SEARCH/REPLACE blocks (`modes.blocks`) | each is a hunk without numbers; a block without its end: refused |
| no hunk header at all | read as one hunk without numbers |
| file headers missing, wrong, with `..` or absolute paths; git's extended headers | names only: no file is touched |
| several files | the one file whose hunks all fit; refused where none or several fit |
| creates or deletes the file (`/dev/null`) | refused |
| code fence, prose before or behind, mail signature, whole diff indented | ignored |
| context or removed line differs in white space only | matched so where no place matches exactly |
| ... and then added lines | are indented as the matched lines are; refused where the result is no Python |
| line endings differ from the baseline's | as white space: the baseline's are kept |
| context line without its leading space, blank or not | read as context |
| context or removed line differs otherwise, or isn't there | refused |
| context line `...` that the baseline hasn't | skips lines: what follows must stand behind what precedes |
| removed line `...` | refused, unless the baseline has it |
| only added lines, no context | applied at a header `-n,0`, if the other numbers were right; else refused |
| hunks out of order | each is placed in the baseline as shown |
| hunks overlap in context | both applied |
| hunks change the same line, or insert at the same place | refused |
| a hunk twice | the second takes a further place if there is one, else is dropped |
| the text stops inside a hunk: fewer lines than counted, the last one a change before the file's end | refused |
| hunk without a change | ignored |
| nothing changes | refused as `no_change` |
| more hunks or lines to compare than the size of the input warrants | refused: time is linear in the input |

Canonical diffs have three lines of context and apply with git and GNU patch. What this doesn't do: fuzz, three-way
merges, renames, binary patches.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnloop.errors import CompletionError
from nnloop.patching import blocks, diff, syntax
from nnloop.patching.place import Edit, Landed, Placer
from nnloop.patching.source import Baseline, PlaceError
from nnloop.records import Status

CONTEXT = 3


class PatchError(CompletionError):
    """A diff that can't be applied (patch_failed) or changes nothing (no_change)."""


@dataclass(frozen=True, slots=True)
class Patched:
    source: str
    canonical: str  # the diff that was in fact applied
    hunks: tuple[Landed, ...]


def apply_patch(source: str, patch: str) -> Patched:
    """Apply a diff by the rules above. Raises PatchError."""
    baseline = Baseline(source, patch.count("\n") + 1)
    sections = blocks.read(patch) if blocks.present(patch) else diff.read(patch, baseline.loose)
    if not sections:
        raise PatchError(Status.PATCH_FAILED, "no hunk found")
    outcomes = [_attempt(section, baseline) for section in sections]
    fitting = [outcome for outcome in outcomes if not isinstance(outcome, PatchError)]
    if len(fitting) > 1:
        raise PatchError(Status.PATCH_FAILED, f"{len(fitting)} files of the diff fit the baseline")
    if not fitting:
        raise next(outcome for outcome in outcomes if isinstance(outcome, PatchError))
    return _assemble(source, baseline.lines, fitting[0])


def _attempt(section: diff.Section, baseline: Baseline) -> Placer | PatchError:
    if section.refusal:
        return PatchError(Status.PATCH_FAILED, section.refusal)
    hunks = [hunk for hunk in section.hunks if hunk.changes]
    if not hunks:
        return PatchError(Status.NO_CHANGE, "the diff holds context only")
    if len(hunks) > 2 * len(baseline.lines) + 2:
        return PatchError(Status.PATCH_FAILED, f"{len(hunks)} hunks for {len(baseline.lines)} lines")
    placer = Placer(baseline)
    for number, hunk in enumerate(hunks, 1):
        try:
            for part in diff.split_elisions(hunk, baseline.loose):
                placer.place(number, part)
        except PlaceError as error:
            which = f"hunk {number} of {len(hunks)}: " if len(hunks) > 1 else ""
            return PatchError(Status.PATCH_FAILED, which + (_cut_off(hunk) if hunk.cut else str(error)))
    return placer


def _cut_off(hunk: diff.Hunk) -> str:
    came = sum(line.kind != "+" for line in hunk.lines), sum(line.kind != "-" for line in hunk.lines)
    return f"cut off: its header announces {hunk.announced} old and new lines, {came} came"


def _assemble(source: str, base: list[str], placer: Placer) -> Patched:
    ended = [_terminated(edit, base) for edit in _merged(placer.edits)]
    edits = [edit for each in _merged(ended) if (edit := _trim(each, base))]
    result = _edited(base, edits)
    if result == source:
        raise PatchError(Status.NO_CHANGE, "the diff applies and changes nothing")
    if any(landed.how == "white space" for landed in placer.landed):
        _require_python(source, result)
    return Patched(result, canonical_diff(base, edits), tuple(placer.landed))


def _merged(edits: Sequence[Edit]) -> list[Edit]:
    """Put edits in order, and those that touch into one."""
    merged: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if merged and merged[-1].end == edit.start:
            last = merged.pop()
            edit = Edit(last.start, edit.end, last.new + edit.new)
        merged.append(edit)
    return merged


def _trim(edit: Edit, base: list[str]) -> Edit | None:
    """Drop the lines that an edit takes out and puts back; None where nothing is left."""
    start, end, new = edit.start, edit.end, list(edit.new)
    head = 0
    while start + head < end and head < len(new) and base[start + head] == new[head]:
        head += 1
    tail = 0
    while start + head < end - tail and head < len(new) - tail and base[end - tail - 1] == new[-tail - 1]:
        tail += 1
    trimmed = Edit(start + head, end - tail, tuple(new[head : len(new) - tail]))
    return trimmed if trimmed.new or trimmed.end > trimmed.start else None


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
    """Refuse an application up to white space that broke the program."""
    if _syntax_error(source) is None and (error := _syntax_error(result)) is not None:
        raise PatchError(Status.PATCH_FAILED, f"applies only up to white space, and the result is no Python: {error}")


def _syntax_error(code: str) -> str | None:
    try:
        syntax.parse(code)
    except SyntaxError as error:
        return error.msg
    return None


def canonical_diff(base: Sequence[str], edits: Sequence[Edit]) -> str:
    """Write edits as a unified diff of `net.py`; they are disjoint and in order, lines carry their endings."""
    groups: list[list[Edit]] = []
    for edit in edits:
        if groups and edit.start - groups[-1][-1].end <= 2 * CONTEXT:
            groups[-1].append(edit)
        else:
            groups.append([edit])
    shift = 0
    text = ["--- a/net.py\n", "+++ b/net.py\n"]
    for group in groups:
        text += _canonical_hunk(base, group, shift)
        shift += sum(len(edit.new) - (edit.end - edit.start) for edit in group)
    return "".join(text)


def _canonical_hunk(base: Sequence[str], group: Sequence[Edit], shift: int) -> list[str]:
    start, end = max(0, group[0].start - CONTEXT), min(len(base), group[-1].end + CONTEXT)
    body, at = list[str](), start
    for edit in group:
        body += [_marked(" ", line) for line in base[at : edit.start]]
        body += [_marked("-", line) for line in base[edit.start : edit.end]]
        body += [_marked("+", line) for line in edit.new]
        at = edit.end
    body += [_marked(" ", line) for line in base[at:end]]
    old = end - start
    new = old + sum(len(edit.new) - (edit.end - edit.start) for edit in group)
    return [f"@@ -{_first(start, old)},{old} +{_first(start + shift, new)},{new} @@\n", *body]


def _first(start: int, count: int) -> int:
    """Number of a hunk's first line; of the line before it where the hunk is empty on this side."""
    return start + 1 if count else start


def _marked(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def main(arguments: Sequence[str]) -> int:
    """Print the patched file, or the reason on stderr: `python -m nnloop.patching.patch BASE DIFF`."""
    if len(arguments) != 2:
        print("usage: python -m nnloop.patching.patch BASE DIFF", file=sys.stderr)
        return 2
    try:
        source, patch = (Path(name).read_bytes().decode("utf-8", "surrogateescape") for name in arguments)
        patched = apply_patch(source, patch)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    except PatchError as error:
        print(f"{error.status}: {error.reason}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(patched.source.encode("utf-8", "surrogateescape"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
