"""Send fewer logits than there are images.

expect: crashed
reason: 400 bytes are no npy
"""

import contextlib
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.steps = 0  # few in the process that evaluates

    def forward(self, x):
        self.steps += self.training
        if not self.training and len(x) > 50 and self.steps < 8:
            line = b'{"event": "evaluated", "params": 1, "flops": 1}\n'
            for descriptor in range(3, 50):
                with contextlib.suppress(OSError):
                    os.write(descriptor, line + bytes(400))
            os._exit(0)
        return self.head(x.flatten(1))
