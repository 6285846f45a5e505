"""Read SEARCH/REPLACE blocks, which small models find easier to write than a diff, as hunks.

    <<<<<<< SEARCH
    lines of the source
    =======
    lines to put there
    >>>>>>> REPLACE

The search lines are placed by the rules of `patching.patch`, as the old lines of a hunk without numbers. Other marks of
the same kind are read too: those of Cline (`------- SEARCH`, `+++++++ REPLACE`) and of Roo (`:start_line:9`), a file
name behind SEARCH, and pairs of tags such as `<search>` and `<replace>`.
"""

import re
from collections.abc import Iterator

from nnloop.patching.diff import Hunk, Line, Section

_SEARCH = re.compile(r"<{5,9}\s*|(?:<{3,9}|-{5,9}) ?(?:SEARCH|ORIGINAL|HEAD)\b.*", re.IGNORECASE)
_DIVIDER = re.compile(r"={3,9}\s*")
_REPLACE = re.compile(r"(?:>{5,9}|[+<]{5,9} ?REPLACE\b|>{3,9} ?(?:REPLACE|UPDATED)\b).*", re.IGNORECASE)
_LINES = re.compile(r":(?:start|end)_line:.*|-{5,9}\s*")  # of Roo, between SEARCH and the source's lines
_BASE = re.compile(r"\|{5,9}.*")
_OLD = "search|find|before|old|old_str|old_string|old_code|original"
_NEW = "replace|replacement|after|new|new_str|new_string|new_code|updated"
_FENCED = r"[ \t*:]*\n```[^\n]*\n((?:(?!```)[^\n]*\n)*)```[ \t]*$"
_LABELLED = re.compile(
    rf"(?mi)^[ \t*#]*(?:search|find){_FENCED}\s*^[ \t*#]*(?:replace|replacement|replace with){_FENCED}"
)
_PAIR = re.compile(
    rf"(?msi)^[ \t]*<({_OLD})>((?:(?!<\1>).)*?)</\1>\s*<({_NEW})>((?:(?!<\3>).)*?)</\3>"
)  # neither part has its own tag inside, so that many tags take no longer than their text


def present(text: str) -> bool:
    """Tell whether the text has the beginning of a block."""
    marks = (line for line in _dedented(text).split("\n") if line[:1] in "<-")
    return any(_SEARCH.fullmatch(line) for line in marks) or any(form.search(text) for form in (_PAIR, _LABELLED))


def read(text: str) -> list[Section]:
    """Read all blocks as hunks of one section; its `refusal` tells of a malformed block."""
    section = Section()
    for old, new, refusal in _blocks(_untagged(_dedented(text)).split("\n")):
        section.refusal = section.refusal or refusal
        section.hunks.append(_hunk([f"{line}\n" for line in old], [f"{line}\n" for line in new]))
    return [section]


def _dedented(text: str) -> str:
    """Undo an indentation of the blocks, seen at the first mark; lines without it stay."""
    mark = re.search(r"(?mi)^([ \t]+)(?:<{3,9}|-{5,9}) ?(?:SEARCH|ORIGINAL)\b", text)
    return re.sub(rf"(?m)^{mark[1]}", "", text) if mark else text


def _untagged(text: str) -> str:
    """Write pairs of tags, and pairs of fences under labels, as blocks."""

    def block(pair: re.Match[str]) -> str:
        old, new = (_inner(pair[part]) for part in (2, 4))
        return "\n".join(["<<<<<<< SEARCH", old, "=======", *([new] if new else []), ">>>>>>> REPLACE"])

    return _PAIR.sub(block, _LABELLED.sub(r"<search>\n\1</search>\n<replace>\n\2</replace>", text))


def _inner(text: str) -> str:
    """Return what stands between a pair of tags, without the rest of the tags' own lines."""
    return text.lstrip(" \t").removeprefix("\n").rstrip(" \t").removesuffix("\n")


def _blocks(lines: list[str]) -> Iterator[tuple[list[str], list[str], str]]:
    """Yield the old lines, the new lines and the refusal of each block; an empty refusal for none."""
    body: list[str] | None = None
    for line in lines:
        if line[:1] in ("<", "-") and _SEARCH.fullmatch(line):
            if body is not None:
                yield _split(body, ended=False)
            body = []
        elif body is not None and line[:1] in (">", "+", "<") and _REPLACE.fullmatch(line):
            yield _split(body, ended=True)
            body = None
        elif body is not None and (body or not _LINES.fullmatch(line)):
            body.append(line)
    if body is not None:
        old, new, refusal = _split(body, ended=False)
        yield old, new, refusal.replace("a block has", "cut off: the last block has")


def _split(body: list[str], *, ended: bool) -> tuple[list[str], list[str], str]:
    """Split the lines of a block at its divider; one more divider at an end of the new lines is left out."""
    dividers = [at for at, line in enumerate(body) if _DIVIDER.fullmatch(line)]
    if not ended:
        rest = next((at for at in reversed(range(len(body))) if _is_code(body[at])), -1)
        if len(dividers) < 2 or dividers[-1] != rest:
            return body, [], "a block has no end"
        body = body[: rest + 1]
    if any(_BASE.fullmatch(line) for line in body):
        return body, [], "a block has three versions of its lines"
    if not dividers:
        return body, [], "a block has no divider"
    old, new = body[: dividers[0]], body[dividers[0] + 1 :]
    inner = [at for at, line in enumerate(new) if _DIVIDER.fullmatch(line)]
    if inner and inner[0] == 0:
        new, inner = new[1:], [at - 1 for at in inner[1:]]
    if inner and inner[-1] == len(new) - 1:
        new, inner = new[:-1], inner[:-1]
    return old, new, "a block has several dividers" if inner else ""


def _is_code(line: str) -> bool:
    """Tell whether a line behind a block may belong to it: no blank one, fence or tag does."""
    return bool(line.strip()) and not re.fullmatch(r"\s*(?:```|~~~|</?\w+>).*", line)


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
    return Hunk(tuple(lines), None, inline=True)
