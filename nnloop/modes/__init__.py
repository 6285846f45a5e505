"""What the LLM is asked for, and how its answer becomes code: one class per option of conf/mode."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nnloop.modes.pairs import Pair
    from nnloop.modes.render import Task
    from nnloop.records import Network, Prompt


class Mode(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def tolerant(self) -> bool:
        """Whether answers that are nearly a program are mended (modes.tolerant)."""
        ...

    def prompt(self, baseline: "Network", task: "Task", context: str = "") -> "Prompt":
        """Ask for a network; `context` is what `modes.context` writes to stand before the baseline."""
        ...

    def code(self, text: str, baseline: str) -> str:
        """Turn a completion into a candidate's source. Raises CompletionError with the status it ends in."""
        ...

    def pair(self, baseline: "Network", better: "Network", task: "Task") -> "Pair":
        """Write the fine-tuning example that leads from the one network to the other."""
        ...

    def suits(self, baseline: str, better: str) -> bool:
        """Whether two sources are near enough for a pair."""
        ...
