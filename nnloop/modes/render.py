"""The texts of prompts and training targets, for generation, fine-tuning and pre-training alike."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nnloop.modes.hyperparameters import hp_text, transform_text
from nnloop.modes.templates import Templates
from nnloop.records import Network, Prompt


@dataclass(frozen=True, slots=True)
class Task:
    """The facts that a prompt states about the dataset and the wanted network."""

    title: str
    description: str
    classes: int
    channels: int
    size: int  # pixels a side
    max_params: int | None = None  # None: not mentioned
    epochs: int = 1  # of a trial
    seconds: float = 300  # that a trial may take
    hp: Mapping[str, float] = field(default_factory=dict)  # of networks without their own
    transform: str = "norm"  # of networks without their own
    of: Mapping[str, "Task"] = field(default_factory=dict)  # the tasks of a pool's datasets, by name

    def on(self, network: Network) -> "Task":
        """Return the task of a network's dataset."""
        return self.of[network.dataset] if network.dataset else self

    @property
    def training(self) -> str:
        """The words for a trial's training."""
        return "one epoch of training" if self.epochs == 1 else f"{self.epochs} epochs of training"


def render(
    templates: Templates, parent: Network, task: Task, *, form: str, header: str = "", context: str = ""
) -> Prompt:
    """Ask for an edit of the parent (forms `delta` and `search_replace`) or for a new network beside it (`full`).

    A parent without code stands for no network: form `full` asks for a first one then.

    `header` is what stands above the lines of a unified diff. `context` is everything else that is shown, as
    `modes.context` writes it: whole lines, or nothing.
    """
    task = task.on(parent)
    text = templates.fill(
        form if parent.code else "first",
        title=task.title,
        description=task.description,
        classes=task.classes,
        channels=task.channels,
        size=task.size,
        training=task.training,
        seconds=f"{task.seconds:g}",
        header=header,
        context=context,
        hp=hp_text(parent.hp or task.hp),
        transform=transform_text(parent.transform or task.transform),
        params="unknown" if parent.params is None else parent.params,
        accuracy=accuracy_line(templates, parent.val_accuracy, task),
        limit="" if task.max_params is None else templates.fill("limit", params=task.max_params) + "\n",
        code=parent.code.rstrip("\n"),
    )
    return Prompt(text=text, parent=parent.id, mode="full" if form == "full" else "delta", dataset=parent.dataset)


def accuracy_line(templates: Templates, value: float | None, task: Task) -> str:
    """Return the sentence of a prompt that states a network's accuracy."""
    if value is None:
        return templates.fill("no_accuracy", training=task.training)
    return templates.fill("accuracy", accuracy=f"{value:.1%}", training=task.training)


def delta_target(old: str, new: str, *, context_lines: int, line_numbers: bool) -> str:
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


def _numberless(before: list[str], after: list[str], context: int) -> Iterator[str]:
    """Yield the hunks under bare `@@ @@` headers."""
    codes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = [code for code in codes if code[0] != "equal"]
    reach = [_reach(before, code[1:3], context) for code in changes]
    at, end = 0, -1
    for (_, start, stop, new_start, new_stop), (low, high) in zip(changes, reach, strict=True):
        if low > end:  # apart from the hunk before: close that one, open the next
            yield from (f" {line}" for line in before[at : max(at, end)])
            yield "@@ @@"
            at = low
        yield from (f" {line}" for line in before[at:start])
        yield from (f"-{line}" for line in before[start:stop])
        yield from (f"+{line}" for line in after[new_start:new_stop])
        at, end = stop, max(end, high)
    yield from (f" {line}" for line in before[at : max(at, end)])


def _reach(lines: list[str], span: tuple[int, int], context: int) -> tuple[int, int]:
    """Widen a span [start, stop) by context until its block occurs only once in the lines."""
    while True:
        low, high = max(0, span[0] - context), min(len(lines), span[1] + context)
        block = lines[low:high]
        places = sum(lines[i : i + len(block)] == block for i in range(len(lines) - len(block) + 1))
        if places == 1 or high - low == len(lines):
            return low, high
        context += 1
