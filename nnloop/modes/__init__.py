"""Prompts for the LLM, and the way from its answers to code: one class per option of conf/mode."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nnloop.modes.pairs import TrainingPair
    from nnloop.modes.render import Task
    from nnloop.records import Network, Prompt


class Mode(Protocol):
    """A form of answer: the prompt that asks for it, the code that it stands for, and training pairs of its form."""

    @property
    def name(self) -> str:
        """The option of conf/mode."""
        ...

    @property
    def salvage(self) -> bool:
        """True if answers that are nearly a program are salvaged (modes.salvage)."""
        ...

    def prompt(self, parent: "Network", task: "Task", context: str = "") -> "Prompt":
        """Ask for a network; `context` is the text of `modes.context` that stands before the parent."""
        ...

    def code(self, text: str, parent: str) -> str:
        """Turn a completion into a candidate's source. Raises CompletionError with the status it ends in."""
        ...

    def pair(self, parent: "Network", better: "Network", task: "Task") -> "TrainingPair":
        """Write the fine-tuning example that leads from the one network to the other."""
        ...

    def suits(self, parent: str, better: str) -> bool:
        """Tell whether two sources are near enough for a pair."""
        ...
