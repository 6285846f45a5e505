"""The one place where prompts and training targets are written: for generation, fine-tuning and pre-training alike."""

import difflib
import functools
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass

from nnloop.records import Network, Prompt


@dataclass(frozen=True, slots=True)
class Task:
    """What a prompt says about the dataset and about the answer."""

    title: str
    description: str
    classes: int
    channels: int
    size: int  # pixels a side
    max_params: int | None = None  # None: not mentioned


def render(mode: str, baseline: Network, task: Task, context: str = "") -> Prompt:
    """Ask for an edit of the baseline (`delta`) or for a new network beside it (`full`).

    `context` is what else is shown, as `modes.context` writes it: whole lines, or nothing.
    """
    text = template(mode).format(
        title=task.title,
        description=task.description,
        classes=task.classes,
        channels=task.channels,
        size=task.size,
        context=context,
        accuracy=accuracy_line(baseline.val_accuracy),
        limit="" if task.max_params is None else f"Use at most {task.max_params} parameters.\n",
        code=baseline.code.rstrip("\n"),
    )
    return Prompt(text=text, baseline=baseline.id, mode=mode)


def delta_target(old: str, new: str, context_lines: int, line_numbers: bool) -> str:
    """Write the completion that turns `old` into `new`.

    Without line numbers, each hunk has as much context as it takes for its place in `old` to be the only one.
    """
    before, after = old.splitlines(), new.splitlines()
    if line_numbers:
        lines = difflib.unified_diff(before, after, "a/net.py", "b/net.py", n=context_lines, lineterm="")
    else:
        lines = _numberless(before, after, context_lines)
    return "\n".join(["<delta>", *lines, "</delta>"])


def full_target(code: str) -> str:
    """Write the completion that is the whole module."""
    return "\n".join(["<nn>", code.rstrip("\n"), "</nn>"])


@functools.cache
def template(name: str) -> str:
    """Read a file of prompts/, without its last line break."""
    file = importlib.resources.files(__package__) / "prompts" / f"{name}.txt"
    return file.read_text(encoding="utf-8").rstrip("\n")


def accuracy_line(value: float | None) -> str:
    """Say in a sentence how good a network is."""
    if value is None:
        return "Its validation accuracy is not known."
    return f"After one epoch of training its validation accuracy is {value:.1%}."


def _numberless(before: list[str], after: list[str], context: int) -> Iterator[str]:
    """Yield the hunks under bare `@@ @@` headers."""
    codes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = [code for code in codes if code[0] != "equal"]
    reach = [_reach(before, start, stop, context) for _, start, stop, _, _ in changes]
    at, end = 0, -1
    for (_, start, stop, new_start, new_stop), (low, high) in zip(changes, reach, strict=True):
        if low > end:  # not touching the hunk before: close that one, open the next
            yield from (f" {line}" for line in before[at : max(at, end)])
            yield "@@ @@"
            at = low
        yield from (f" {line}" for line in before[at:start])
        yield from (f"-{line}" for line in before[start:stop])
        yield from (f"+{line}" for line in after[new_start:new_stop])
        at, end = stop, max(end, high)
    yield from (f" {line}" for line in before[at : max(at, end)])


def _reach(lines: list[str], start: int, stop: int, context: int) -> tuple[int, int]:
    """Widen [start, stop) by context until what it covers stands only once among the lines."""
    while True:
        low, high = max(0, start - context), min(len(lines), stop + context)
        block = lines[low:high]
        places = sum(lines[i : i + len(block)] == block for i in range(len(lines) - len(block) + 1))
        if places == 1 or high - low == len(lines):
            return low, high
        context += 1
