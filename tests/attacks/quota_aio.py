"""Use up the machine's asynchronous requests of files.

expect: build_failed
reason: refused
"""

import ctypes
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc, context = ctypes.CDLL(None), ctypes.c_ulong()
        number = {"x86_64": 206, "aarch64": 0}[os.uname().machine]
        taken = 0
        for size in (60_000, 1000, 1) * 20:
            context.value = 0
            taken += libc.syscall(ctypes.c_long(number), size, ctypes.byref(context)) == 0
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
