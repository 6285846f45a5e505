"""mode=full: the LLM answers with a whole program (paper A)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nnloop.modes import Reading, static_guard
from nnloop.modes.pairs import TrainingPair
from nnloop.modes.parse import extract_code
from nnloop.modes.render import Task, full_target, render
from nnloop.modes.templates import Templates, shipped
from nnloop.records import Network, Prompt


@dataclass(frozen=True, slots=True)
class Full:
    """The mode that shows a parent and asks for a whole new network."""

    salvage: bool = False
    templates: Templates = field(default_factory=lambda: shipped("chat"))
    name: str = "full"

    @property
    def form(self) -> str:
        """The name of the template that asks."""
        return self.name

    def prompt(self, parent: Network, task: Task, context: str = "") -> Prompt:
        """Ask for a network other than the parent."""
        return render(self.templates, parent, task, form=self.form, context=context)

    def read(self, text: str, parent: str, cut: str = "") -> Reading:
        """Extract the program from a completion. Raises CompletionError.

        A copy of the parent is accepted where the answer has no other network; the evaluator calls it a duplicate.
        """
        code = extract_code(text, parent, cut)
        static_guard.check(code)
        return Reading(code)

    def pair(self, parent: Network, better: Network, task: Task) -> TrainingPair:
        """Write the example whose completion is the better network."""
        return TrainingPair(
            self.prompt(parent, task).text, full_target(better.code), parent=parent.id, target=better.id
        )

    def suits(self, parent: str, better: str, count: Callable[[str], int]) -> bool:
        """Return True: any network can follow any other."""
        return True
