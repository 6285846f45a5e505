"""Report weights that are no arrays, under names that lead elsewhere.

expect: crashed
reason: SafetensorError | no step of its training
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

    def forward(self, x):
        if self.training:
            ended = b'{"event": "trained", "train_loss": 0.1, "weights_bytes": 60, "answers": []}\n'
            send(ended + (40).to_bytes(8, "little") + b'{"../../x": {"dtype": "F32", "shape": [1]}}' + bytes(99))
            os._exit(0)
        return self.head(x.flatten(1))
