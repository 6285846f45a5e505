"""Overflow the stack of the interpreter itself.

expect: crashed
reason: while building
"""

import sys

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        sys.setrecursionlimit(1 << 30)
        nest = []
        for _ in range(300_000):
            nest = [nest]
        repr(nest)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
