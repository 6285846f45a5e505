"""Use up the timers that all programs of the user share.

expect: build_failed
reason: refused
"""

import ctypes
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc, timer = ctypes.CDLL(None), ctypes.c_int()
        number = {"x86_64": 222, "aarch64": 107}[os.uname().machine]
        taken = sum(libc.syscall(ctypes.c_long(number), 1, None, ctypes.byref(timer)) == 0 for _ in range(20_000))
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
