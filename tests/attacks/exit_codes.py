"""End the process with each of the codes and signals that others give a meaning.

expect: crashed
reason: exited with code | killed by
"""

import os
import signal

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.head.weight.register_hook(lambda _: [os._exit(code) for code in (75, 137, 143, 113)])
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def forward(self, x):
        return self.head(x.flatten(1))
