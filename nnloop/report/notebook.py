"""The live view of a search in a notebook: one line below the cell, which is rewritten while the search goes on."""

import sys
import time
from collections.abc import Callable
from typing import Any

_EVERY_S = 0.5  # the shortest time between two updates


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


class NotebookView:
    """A line in the output of the running cell; `text` gives it."""

    def __init__(self, text: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        """Show the line for the first time."""
        from IPython import display

        self._text, self._clock = text, clock
        self._shown = clock()
        show: Any = display.display  # it has no types
        self._handle = show({"text/plain": text()}, raw=True, display_id=True)

    def update(self, *, last: bool = False) -> None:
        """Rewrite the line if it is old enough, or the `last` one."""
        if last or self._clock() - self._shown >= _EVERY_S:
            self._shown = self._clock()
            self._handle.update({"text/plain": self._text()}, raw=True)
