"""Modes: prompts for the LLM, and code from its answers; one class per option of conf/mode."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nnloop.modes.pairs import TrainingPair
    from nnloop.modes.render import Task
    from nnloop.modes.templates import Templates
    from nnloop.records import Network, Prompt


@dataclass(frozen=True, slots=True)
class Reading:
    """The source that an answer led to, and the salvages that this took."""

    code: str
    salvages: list[str] = field(default_factory=list)
    hp: dict[str, float] = field(default_factory=dict)  # hyperparameters of the answer that count; empty: the parent's
    transform: str = ""  # as above


class Mode(Protocol):
    """A form of answer: prompts that ask for it, code from it, and fine-tuning pairs in it."""

    @property
    def name(self) -> str:
        """The option of conf/mode."""
        ...

    @property
    def salvage(self) -> bool:
        """True if answers that are nearly a program are salvaged (modes.salvage)."""
        ...

    @property
    def templates(self) -> "Templates":
        """The texts that its prompts are made of."""
        ...

    @property
    def form(self) -> str:
        """The template that asks: delta, search_replace or full."""
        ...

    def prompt(self, parent: "Network", task: "Task", context: str = "") -> "Prompt":
        """Write the prompt; `context` is the text from `modes.context` that comes before the parent."""
        ...

    def read(self, text: str, parent: str, cut: str = "") -> Reading:
        """Turn a completion into a candidate's source. Raises CompletionError, which has the completion's status.

        `cut` says why the completion ended before its end; it is empty for a whole one. Of a cut completion only a part
        that is closed is read.
        """
        ...

    def pair(self, parent: "Network", better: "Network", task: "Task") -> "TrainingPair":
        """Write the fine-tuning example that leads from one network to the other."""
        ...

    def suits(self, parent: str, better: str, count: Callable[[str], int]) -> bool:
        """Tell whether two sources make a pair of the corpus; `count` counts the LLM's tokens of a text."""
        ...
