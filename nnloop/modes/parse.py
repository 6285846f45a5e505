"""Find the program, or the diff, in an answer of the LLM.

| the answer | taken |
|---|---|
| thoughts before the answer (`modes.thoughts`) | left out; a thought that never ends: refused |
| every line behind `>`, or content in `<![CDATA[` | read without these marks |
| `<nn>` tags on lines of their own, also nested, unclosed or mismatched | the last such content that holds a `Net` |
| code fences, other tags, several blocks | the last block that parses and has a `Net` |
| a block equal to the parent shown | taken only where no other block is a network |
| no marks at all, chatter before and behind | the lines from the first import, class, ... on that parse |
| non-breaking spaces and their like, outside quotes | white space, where the block parses only so |
| cut off inside `class Net` | refused |
| `<delta>`, with or without `<hp>` and `<tr>` | the last content that holds a diff (the parent's hp and tr stay) |
| no `<delta>` | the fenced blocks that look like a diff, else the text if it does |
| a whole program instead of a diff | refused, unless mode.rewrites takes it |
| ended by the token limit or as a loop | what a tag or fence had closed before; never a part of a diff |

Nothing is salvaged here: code is taken unchanged or refused (`modes.salvage` tries again with a changed answer).
"""

import ast
import re
import textwrap
from collections.abc import Iterator

from nnloop.errors import CompletionError
from nnloop.modes import thoughts
from nnloop.modes.tagged import DIFF, HEADER, tagged
from nnloop.patching import syntax
from nnloop.patching.source import plain_spaces
from nnloop.records import Status, candidate_id

MAX_CHARS = 400_000
"""Longer answers are refused unread: no network is so long."""
_BUDGET = 1_000_000
"""Characters to parse, over all blocks, before an answer is given up."""
_MARKS = 40
"""Marks at the end, and beginnings of code at the start, that are considered."""
_MARK = re.compile(r"\s{0,3}(?:```|~~~).*|\s*</?[A-Za-z_]\w*>\s*")
_INLINE = re.compile(r"(?m)^[ \t]*(<nn>)(?=\S)|(?<=\S)(</nn>)[ \t]*$")
_BEGINS_CODE = re.compile(r"import \w|from [\w.]+ import |class \w|def \w|@\w|#|\"\"\"|'''")
_INLINE_DELTA = re.compile(r"<delta>[ \t]*\n?(.*?)(</delta>|\Z)", re.DOTALL)
_FENCED = re.compile(r"(?ms)^[ \t]{0,3}(```|~~~)[^\n]*\n(.*?)(^[ \t]{0,3}\1[ \t]*$|\Z)")


def extract_code(text: str, parent: str = "", cut: str = "") -> str:
    """Return the program of a mode=full answer, ending in one newline.

    `parent` is the network shown. `cut` says why the answer ended before its end; it is empty for a whole one. Raises
    CompletionError: unparseable, or truncated if the answer was cut before a whole program.
    """
    text = _bounded(text)
    text = _closed_program(_thoughtless(text, cut), cut) if cut else thoughts.without(text)
    reason, copy, parsed = "no class Net in the answer", "", 0
    for block in _candidates(text):
        if parsed > _BUDGET:
            break
        if block.strip() in copy:
            continue  # a part of the parent is no network of its own
        parsed += len(block)
        try:
            block, net = _parsed(block)
        except SyntaxError as error:
            reason = f"no block parses: line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
            continue
        if net is not None and syntax.has_forward(net):
            if not _same(block, parent):
                return tidy(block)
            copy = copy or block
        reason = "class Net has no forward" if net is not None else reason
    if copy:
        return tidy(copy)
    if HEADER.search(text) and reason.startswith("no "):
        reason = "a diff instead of a whole program"
    raise CompletionError(Status.UNPARSEABLE, reason)


def extract_delta(text: str, cut: str = "") -> str:
    """Return the diff of a mode=delta answer, empty if it holds none; `cut` is as in `extract_code`.

    A mark behind the diff tells a finished hunk from one that was cut off. Raises CompletionError as `extract_code`.
    """
    text = _bounded(text)
    text = _thoughtless(text, cut) if cut else thoughts.without(text)
    contents = [part.content for part in tagged(text, "delta") if part.closed or not cut]
    if not contents:
        inline = _INLINE_DELTA.findall(text)
        contents = [content for content, end in inline if (end or not cut) and DIFF.search(content)]
    if contents:
        return _ended(_fenced_diffs(contents[-1]) or contents[-1])
    if cut:
        raise CompletionError(Status.TRUNCATED, cut)
    diff = _fenced_diffs(text)
    if not diff and DIFF.search(text) and (HEADER.search(text) or not _holds_program(text)):
        diff = text
    return _ended(diff) if diff else ""


def tidy(code: str) -> str:
    """Drop blank lines before a program, and end it in exactly one newline."""
    return code.lstrip("\r\n").rstrip() + "\n"


def _bounded(text: str) -> str:
    """Return the text without what surrounds the whole of it: a byte-order mark, the marks of a quotation or of CDATA.

    Raises CompletionError if it is too long.
    """
    if len(text) > MAX_CHARS:
        raise CompletionError(Status.UNPARSEABLE, f"an answer of {len(text)} characters")
    text = text.removeprefix("\ufeff")
    if all(line[:1] == ">" for line in text.split("\n") if line.strip()):
        text = re.sub(r"(?m)^> ?", "", text)
    return re.sub(r"<!\[CDATA\[|\]\]>(?=\s*(?:</|\Z))", "", text) if "<![CDATA[" in text else text


def _thoughtless(text: str, cut: str) -> str:
    """Leave out the thoughts of an answer that was cut. Raises CompletionError (truncated) if a thought was cut."""
    try:
        return thoughts.without(text)
    except CompletionError:
        raise CompletionError(Status.TRUNCATED, f"{cut}, inside its thought") from None


def _ended(diff: str) -> str:
    return f"{diff.rstrip()}\n</delta>"


def _closed_program(text: str, cut: str) -> str:
    """Return the text up to its last closing mark, if a program stands before it and none behind it."""
    ends = [part.end for part in tagged(text, "full") if part.closed]
    ends += [fence.end() for fence in _FENCED.finditer(text) if fence[3] and "class Net" in fence[2]]
    whole = text[: max(ends, default=0)]
    if not whole or "class Net" in text[len(whole) :]:
        raise CompletionError(Status.TRUNCATED, cut)
    return whole


def _parsed(block: str) -> tuple[str, ast.ClassDef | None]:
    """Return a block, with plain spaces if it parses only so, and its `Net`. Raises SyntaxError."""
    try:
        return block, syntax.find_net(syntax.parse(block))
    except SyntaxError:
        plain = plain_spaces(block)
        if plain == block:
            raise
        return plain, syntax.find_net(syntax.parse(plain))


def _holds_program(text: str) -> bool:
    """Tell whether a network stands between marks, or the text is one."""
    for block in (*_marked(text.split("\n")), text):
        try:
            net = syntax.find_net(syntax.parse(block))
        except SyntaxError:
            continue
        if net is not None and syntax.has_forward(net):
            return True
    return False


def _same(code: str, parent: str) -> bool:
    """Tell whether two sources are the same network."""
    try:
        return bool(parent) and candidate_id(code) == candidate_id(parent)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _fenced_diffs(text: str) -> str:
    return "".join(body + end + "\n" for _, body, end in _FENCED.findall(text) if DIFF.search(body))


def _candidates(text: str) -> Iterator[str]:
    """Yield every text that could be the program: tagged ones first, the last of them before the others."""
    for part in reversed(list(tagged(text, "full"))):
        yield from _blocks(["<nn>", *part.content.split("\n"), "</nn>"])
    yield from _blocks(_INLINE.sub(r"\n\1\2\n", text).split("\n"))


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield every text that could be the program: those between marks, the last first, then unmarked text."""
    yield from _marked(lines)
    yield from _unmarked(lines)


def _marked(lines: list[str]) -> Iterator[str]:
    marks = [at for at, line in enumerate(lines) if _MARK.fullmatch(line)][-_MARKS:]
    for opening in reversed(marks):
        for closing in (*(mark for mark in marks if mark > opening), len(lines)):
            block = "\n".join(lines[opening + 1 : closing])
            if "class Net" in block:
                yield textwrap.dedent(block) if block.lstrip("\r\n")[:1] in (" ", "\t") else block


def _unmarked(lines: list[str]) -> Iterator[str]:
    """Yield, for each line that begins like code, the text from there up to the first line that doesn't parse."""
    starts = [at for at, line in enumerate(lines) if _BEGINS_CODE.match(line)]
    for start in starts[:_MARKS]:
        code = lines[start:]
        while any(each.startswith("class Net") for each in code):
            yield "\n".join(code)
            code = code[: _error_line(code)]


def _error_line(lines: list[str]) -> int:
    """Return the line at which the top-level statement that doesn't parse begins; 0 if the text parses."""
    try:
        syntax.parse("\n".join(lines))
    except SyntaxError as error:
        at = min((error.lineno or 1) - 1, len(lines) - 1)
        while at > 0 and (not lines[at].strip() or lines[at][0] in " \t)]}"):
            at -= 1
        return at
    return 0
