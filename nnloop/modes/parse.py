"""Find the program, or the diff, in an answer of the LLM.

| the answer | taken |
|---|---|
| `<nn>` tags, code fences, other tags, also nested, unclosed or mismatched | the block that parses and has a `Net` |
| several such blocks | the last one |
| no marks at all, chatter before and behind | the lines from the first import, class, ... on that parse |
| cut off inside `class Net` | refused |
| `<delta>`, with or without `<hp>` and `<tr>` | its content (hp and tr are context: the parent's stay in force) |
| no `<delta>` | the fenced blocks that look like a diff, else the text if it does |

Nothing is salvaged here: code is taken unchanged or refused (`modes.salvage` tries again with a changed answer).
"""

import re
import textwrap
from collections.abc import Iterator

from nnloop.errors import CompletionError
from nnloop.patching import syntax
from nnloop.records import Status

MAX_CHARS = 400_000
"""Longer answers are refused unread: no network is so long."""
_BUDGET = 1_000_000
"""Characters to parse, over all blocks, before an answer is given up."""
_MARKS = 40
"""Marks at the end, and beginnings of code at the start, that are considered."""
_MARK = re.compile(r"\s{0,3}(?:```|~~~).*|\s*</?[A-Za-z_]\w*>\s*")
_INLINE = re.compile(r"(?m)^[ \t]*(<nn>)(?=\S)|(?<=\S)(</nn>)[ \t]*$")
_BEGINS_CODE = re.compile(r"import \w|from [\w.]+ import |class \w|def \w|@\w|#|\"\"\"|'''")
_DIFF = re.compile(r"(?m)^[ \t]*@@|^<{5,9}[ \w:\r]*$|^--- .*\n\+\+\+ |^[-+](?![-+]*\s*$)(?! \S)")
_DELTA = re.compile(r"<delta>[ \t]*\n?(.*?)(</delta>|\Z)", re.DOTALL)
_FENCED = re.compile(r"(?ms)^[ \t]{0,3}(```|~~~)[^\n]*\n(.*?)(^[ \t]{0,3}\1[ \t]*$|\Z)")


def extract_code(text: str) -> str:
    """Return the program of a mode=full answer, ending in one newline. Raises CompletionError (unparseable)."""
    _refuse_long(text)
    reason = "no class Net in the answer"
    parsed = 0
    for block in _blocks(_INLINE.sub(r"\n\1\2\n", text).split("\n")):
        if parsed > _BUDGET:
            break
        parsed += len(block)
        try:
            net = syntax.find_net(syntax.parse(block))
        except SyntaxError as error:
            reason = f"no block parses: line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
            continue
        if net is not None and syntax.has_forward(net):
            return tidy(block)
        reason = "class Net has no forward" if net is not None else reason
    raise CompletionError(Status.UNPARSEABLE, reason)


def extract_delta(text: str) -> str:
    """Return the diff of a mode=delta answer. Raises CompletionError (unparseable).

    A closing mark is kept: by it a finished hunk is told from one that was cut off.
    """
    _refuse_long(text)
    tagged = _DELTA.findall(text)
    if tagged:
        content, end = tagged[-1]
        return _fenced_diffs(content) or f"{content.rstrip()}\n{end}"
    diff = _fenced_diffs(text) or text
    if not _DIFF.search(diff):
        raise CompletionError(Status.UNPARSEABLE, "no diff in the answer")
    return diff


def tidy(code: str) -> str:
    """Drop blank lines before a program, and end it in exactly one newline."""
    return code.lstrip("\r\n").rstrip() + "\n"


def _refuse_long(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise CompletionError(Status.UNPARSEABLE, f"an answer of {len(text)} characters")


def _fenced_diffs(text: str) -> str:
    return "".join(body + end + "\n" for _, body, end in _FENCED.findall(text) if _DIFF.search(body))


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield every text that could be the program: those between marks, the last first, then unmarked text."""
    marks = [at for at, line in enumerate(lines) if _MARK.fullmatch(line)][-_MARKS:]
    for opening in reversed(marks):
        for closing in (*(mark for mark in marks if mark > opening), len(lines)):
            block = "\n".join(lines[opening + 1 : closing])
            if "class Net" in block:
                yield textwrap.dedent(block) if block.lstrip("\r\n")[:1] in (" ", "\t") else block
    yield from _unmarked(lines)


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
