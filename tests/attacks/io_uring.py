"""Do files and sockets past the filter, by io_uring.

expect: build_failed
reason: refused
"""

import ctypes

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        if ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(256)) < 0:
            raise RuntimeError("refused")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
