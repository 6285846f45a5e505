"""Make a system call by the numbers of 32-bit programs that share the processor.

expect: crashed
reason: SIGSYS
"""

import ctypes

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        ctypes.CDLL(None).syscall(0x40000000 + 41, 1, 1, 0)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
