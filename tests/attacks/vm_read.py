"""Read the memory of the process above by a system call.

expect: build_failed
reason: refused
"""

import ctypes
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None)
        buffer = ctypes.create_string_buffer(8)
        piece = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8)
        if libc.process_vm_readv(os.getppid(), piece, 1, piece, 1, 0) < 0:
            raise RuntimeError("refused")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
