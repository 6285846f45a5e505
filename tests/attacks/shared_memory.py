"""Leave a named segment of shared memory behind: its /dev/shm goes with it.

expect: ok
"""

import contextlib

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        with contextlib.suppress(OSError), open("/dev/shm/nnloop-was-here", "w") as file:
            file.write("x" * 1000)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
