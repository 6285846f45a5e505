"""Append a network of its own to the archive.

expect: build_failed
reason: Error: [Errno
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        with open("@RUN@/archive.jsonl", "a") as file:
            file.write("{}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
