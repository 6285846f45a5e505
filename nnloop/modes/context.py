"""The context of a prompt beside its parent: earlier attempts, further networks, or the failed answer to retry.

Items are shown whole or not at all: an item that does not fit is dropped and counted. `context=single` shows none, so
its prompts are the papers' prompts, byte for byte.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nnloop.modes.render import Task, accuracy_line, delta_target
from nnloop.modes.templates import Templates
from nnloop.records import Entry, Network, Prompt


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to show; `name` is the network's id, or the attempt's cycle.slot."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Room:
    """The space for a context."""

    fits: Callable[[str], bool]  # tells whether a prompt of this text leaves room for a completion
    count: Callable[[str], int]  # tokens of a text
    tokens: int | None  # limit of the context; None: only `fits` limits it


def attempt(templates: Templates, entry: Entry, parent: Network, *, code: str | None, answer: str) -> Item:
    """Show an earlier completion as problem, suggestion and outcome (Gu et al.).

    There, a second LLM puts the problem into words. Here, the problem is the parent's accuracy; the suggestion is the
    change from the parent to `code`, or the answer itself if it gave no code (`code` is None).
    """
    text = templates.fill(
        "attempt",
        problem=_share(parent.val_accuracy),
        suggestion=answer.strip() if code is None else _change(parent.code, code),
        outcome=_outcome(entry, parent),
    )
    return Item(f"{entry.cycle}.{entry.slot}", text)


def further(templates: Templates, network: Network, task: Task) -> Item:
    """Show a network beside the parent, with its accuracy."""
    accuracy = accuracy_line(templates, network.val_accuracy, task)
    return Item(network.id, templates.fill("network", accuracy=accuracy, code=network.code.rstrip("\n")))


def fill(
    templates: Templates, kind: str, items: Sequence[Item], *, write: Callable[[str], Prompt], room: Room
) -> Prompt:
    """Write a prompt with as many of the items as fit; they are tried in their order, the most important first.

    `kind` names the template that introduces the items; `write` makes the prompt for a context.
    """
    shown: list[Item] = []
    for item in items:
        section = _section(templates, kind, [*shown, item])
        if (room.tokens is None or room.count(section) <= room.tokens) and room.fits(write(section).text):
            shown.append(item)
    prompt = write(_section(templates, kind, shown))
    return replace(prompt, shown=[item.name for item in shown], dropped=len(items) - len(shown))


def retry(templates: Templates, prompt: Prompt, entry: Entry, *, answer: str) -> Prompt:
    """Send a failed answer back with the reason."""
    reason = entry.reason.strip()
    text = templates.fill("retry", prompt=prompt.text, answer=answer.strip(), status=entry.status, reason=reason)
    return replace(prompt, text=text)


def _section(templates: Templates, kind: str, items: Sequence[Item]) -> str:
    """Write the lines that come before the parent; attempts are shown oldest first."""
    if not items:
        return ""
    shown = reversed(items) if kind == "memory" else items
    return templates.fill(kind, items="\n".join(item.text for item in shown)) + "\n"


def _change(old: str, new: str) -> str:
    """Write the diff from one source to another, or the new source if that is shorter."""
    diff = delta_target(old, new, context_lines=1, line_numbers=False)
    lines = diff.split("\n")[1:-1]  # without the tags
    return min("\n".join(lines), new.strip(), key=len)


def _outcome(entry: Entry, parent: Network) -> str:
    if entry.val_accuracy is None:
        return f"{entry.status}, {entry.reason.strip()}" if entry.reason else str(entry.status)
    change = "" if parent.val_accuracy is None else f" ({100 * (entry.val_accuracy - parent.val_accuracy):+.1f} points)"
    again = f", {entry.reason}" if entry.reason else ""
    return f"{_share(entry.val_accuracy)}{change}{again}"


def _share(accuracy: float | None) -> str:
    return "a validation accuracy that is not known" if accuracy is None else f"a validation accuracy of {accuracy:.1%}"
