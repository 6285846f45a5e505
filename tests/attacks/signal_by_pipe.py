"""Have the kernel send a signal to the parent, by the owner of a pipe.

expect: build_failed
reason: PermissionError
"""

import fcntl
import os
import signal

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        ours, _ = os.pipe()
        fcntl.fcntl(ours, 10, signal.SIGKILL)  # F_SETSIG
        fcntl.fcntl(ours, fcntl.F_SETOWN, int("@PARENT@"))
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
