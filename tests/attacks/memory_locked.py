"""Lock more memory than it may have, so that the machine can't take it back.

expect: build_failed
reason: refused
"""

import ctypes

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        locked = 0
        for _ in range(64):
            place = libc.mmap(None, ctypes.c_size_t(1 << 24), 3, 0x22, -1, 0)
            locked += libc.mlock(ctypes.c_void_p(place), ctypes.c_size_t(1 << 24)) == 0
        raise RuntimeError(f"got through: {locked} times 16 MiB" if locked or libc.mlockall(3) == 0 else "refused")
