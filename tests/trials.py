"""Helpers for tests that run trials."""

from nnloop.records import Candidate, Limits, Trial, candidate_id

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
    candidate = Candidate(candidate_id(code), code, "given", None, 0, 0)
    return Trial(candidate, "digits", "fast", 1, seed, Limits(wall_s, memory_bytes))
