"""Tell an LLM's thoughts from its answer.

A reasoning model writes its thoughts first, between marks of its own. Drafts and tags in there are no answer. Some chat
templates open the thought in the prompt, so that the completion has its end only.
"""

import re

from nnloop.errors import CompletionError
from nnloop.records import Status

_NAMES = (
    "think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|plan|planning|antthinking"
    "|inner_monologue|seed:think"
)
_MARKS = (
    (rf"^[ \t]*<(?:{_NAMES})(?:\s[^<>\n]*)?>", rf"</(?:{_NAMES})\s*>"),
    (r"^[ \t]*\[THINK\]", r"\[/THINK\]"),  # Magistral
    (r"◁think▷", r"◁/think▷"),  # Kimi
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # Sky-T1, OpenThinker
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),  # Command A
    (r"<\|channel>thought\b", r"<channel\|>"),  # Gemma
    (r"<\|channel\|>(?:analysis|commentary)\b", r"<\|channel\|>final\b(?:[^\n<]*<\|message\|>)?"),  # gpt-oss
    (r"\Aanalysis(?=[A-Z])", r"assistantfinal"),  # gpt-oss, without its special tokens
)
"""Beginning and end of a thought, as models write them."""
_OPENING, _CLOSING = (
    re.compile("|".join(f"({marks[side]})" for marks in _MARKS), re.MULTILINE | re.IGNORECASE) for side in (0, 1)
)
_LEFT_OPEN = re.compile(
    "(?:" + "|".join(opening.removeprefix(r"^[ \t]*") for opening, _ in _MARKS[:-1]) + r")\s*\Z", re.IGNORECASE
)
_NAME = re.compile(rf"({_NAMES})\b", re.IGNORECASE)


def without(text: str) -> str:
    """Return the text without its thoughts. Raises CompletionError (unparseable) if a thought never ends."""
    spans, unclosed = _spans(text)
    if unclosed:
        mark = text[slice(*spans[-1])].split(None, 1)[0][:20]
        raise CompletionError(Status.UNPARSEABLE, f"its thought never ends: {mark!r}")
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    parts = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return "\n".join(parts) if spans else text


def masked(text: str) -> str:
    """Return the text with blanks in place of its thoughts; one that has not ended yet reaches to the end."""
    parts, at = [], 0
    for start, end in _spans(text)[0]:
        parts += [text[at:start], " " * (end - start)]
        at = end
    return "".join([*parts, text[at:]])


def left_open(prompt: str) -> str:
    """Return the mark of a thought with which a prompt ends; an empty text if it ends with none."""
    opening = _LEFT_OPEN.search(prompt)
    return opening.group() if opening else ""


def _spans(text: str) -> tuple[list[tuple[int, int]], bool]:
    """Return the thoughts' places, and whether the last one never ends."""
    marks = [*((mark, True) for mark in _OPENING.finditer(text)), *((mark, False) for mark in _CLOSING.finditer(text))]
    spans: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for mark, opens in sorted(marks, key=lambda one: one[0].start()):
        if opened is None and opens:
            opened = mark
        elif opened is None:
            spans = [(0, mark.end())]  # it began in the prompt
        elif not opens and _kind(mark) == _kind(opened):
            spans.append((opened.start(), mark.end()))
            opened = None
    return [*spans, (opened.start(), len(text))] if opened else spans, opened is not None


def _kind(mark: re.Match[str]) -> tuple[int | None, str]:
    """Return the family of a mark, and its name where the family has several."""
    name = _NAME.search(mark.group()) if mark.lastindex == 1 else None
    return mark.lastindex, name[1].lower() if name else ""
