"""Say that all went well, with a made-up accuracy.

expect: crashed
reason: report can't be read
"""

import contextlib
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        line = b'{"event": "unfit", "status": "ok", "val_accuracy": 1.0}\n'
        for descriptor in range(3, 50):
            with contextlib.suppress(OSError):
                os.write(descriptor, line)
        os._exit(0)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
