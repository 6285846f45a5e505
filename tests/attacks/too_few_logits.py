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
        lines = b'{"event": "built", "params": 1, "flops": 1}\n{"event": "trained", "train_loss": 0.0}\n'
        for descriptor in range(3, 50):
            with contextlib.suppress(OSError):
                os.write(descriptor, lines + bytes(400))
        os._exit(0)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
