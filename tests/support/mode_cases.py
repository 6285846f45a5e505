"""For the tests of modes: every mode, a task, and networks to ask about."""

import pytest
from edits import BASE

from nnloop.errors import CompletionError
from nnloop.modes import Mode
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.modes.render import Task
from nnloop.records import Network, Status, candidate_id

TASK = Task("Digits", "grey images of digits", classes=10, channels=1, size=8)
MODES = [Delta(1, False), Delta(3, True), Delta(0, True), Delta(1, False, "search_replace"), Full()]
each_mode = pytest.mark.parametrize("mode", MODES, ids=["delta-bare", "delta-3", "delta-0", "delta-blocks", "full"])


def network(code: str, accuracy: float | None = 0.5) -> Network:
    return Network(candidate_id(code), code, "net", accuracy)


def refused(mode: Mode, text: str) -> Status:
    with pytest.raises(CompletionError) as caught:
        mode.read(text, BASE)
    return caught.value.status
