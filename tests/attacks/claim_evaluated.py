"""Report an evaluation, with logits, in place of a training.

expect: crashed
reason: report can't be read
"""

import contextlib
import os
import stat

from torch import nn


def send(data):
    """Write to every pipe that is open."""
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                sent = data
                while sent:
                    sent = sent[os.write(descriptor, sent) :]


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        send(b'{"event": "evaluated", "params": 9, "flops": 9}\n' + bytes(30_000))
        os._exit(0)

    def forward(self, x):
        return self.head(x.flatten(1))
