"""Write without end over the way back.

expect: crashed
reason: larger than its weights
"""

import contextlib
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for descriptor in range(3, 50):
            with contextlib.suppress(OSError):
                while True:
                    os.write(descriptor, b"x" * 65536)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
