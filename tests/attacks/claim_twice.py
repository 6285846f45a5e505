"""Report a smaller number of parameters than was counted.

expect: crashed
reason: report can't be read
"""

import contextlib
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.done = False

    def forward(self, x):
        if self.training and not self.done:
            self.done = True
            for descriptor in range(3, 50):
                with contextlib.suppress(OSError):
                    os.write(descriptor, b'{"event": "built", "params": 1, "flops": 1}\n')
        return self.head(x.flatten(1))
