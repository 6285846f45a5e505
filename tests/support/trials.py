"""Helpers for tests that run trials."""

import sys
import time
from pathlib import Path

import pytest

from nnloop.records import Candidate, Limits, Trial, candidate_id

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the wall is Linux's")

NETWORK = """
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        {init}
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], {width}))

    def forward(self, x):
        {forward}
        return self.net(x)
"""


def network(init: str = "pass", forward: str = "pass", width: str = "out_shape[0]") -> str:
    """A linear network, with a statement of the test's in its constructor or its forward."""
    return NETWORK.format(init=init, forward=forward, width=width)


def trial(code: str, seed: int = 0, wall_s: float = 60.0, memory_bytes: int = 1 << 30) -> Trial:
    candidate = Candidate(candidate_id(code), code, "given", parent=None, cycle=0, slot=0)
    limits = Limits(wall_s, memory_bytes)
    return Trial(candidate, dataset="digits", proxy="fast", epochs=1, seed=seed, limits=limits)


def zygotes() -> list[int]:
    """The warm processes of this one, by /proc."""
    tasks = Path("/proc/self/task").iterdir()
    own = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [pid for pid in own if b"nnloop.sandbox.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def left_behind() -> list[int]:
    """Processes below the warm ones, once the last supervisor has had time to end itself."""
    deadline = time.monotonic() + 10.0
    while (children := [child for zygote in zygotes() for child in _children(zygote)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return children


def _children(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in file.read_text().split()] if file.exists() else []
