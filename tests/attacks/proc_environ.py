"""Read the environment of the process above.

expect: build_failed
reason: Error: [Errno
"""

import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        with open(f"/proc/{os.getppid()}/environ", "rb") as file:
            raise RuntimeError(f"got through: {file.read()}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
