"""Raise an exception with a long message in many lines and control characters.

expect: build_failed
reason: RuntimeError
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        raise RuntimeError("\x1b[2J\n\u202e" * 1000)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
