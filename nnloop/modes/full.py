"""mode=full: a whole program (paper A)."""

from nnloop.modes import static_guard
from nnloop.modes.pairs import Pair
from nnloop.modes.parse import extract_code
from nnloop.modes.render import Task, full_target, render
from nnloop.records import Network, Prompt


class Full:
    name = "full"

    def __init__(self, tolerant: bool = False) -> None:
        self.tolerant = tolerant

    def prompt(self, baseline: Network, task: Task, context: str = "") -> Prompt:
        return render(self.name, baseline, task, context)

    def code(self, text: str, baseline: str) -> str:
        """Take the program out of a completion. Raises CompletionError.

        A copy of the baseline is a candidate like any other: the archive calls it a duplicate.
        """
        code = extract_code(text)
        static_guard.check(code)
        return code

    def pair(self, baseline: Network, better: Network, task: Task) -> Pair:
        return Pair(self.prompt(baseline, task).text, full_target(better.code), baseline.id, better.id)

    def suits(self, baseline: str, better: str) -> bool:
        return True
