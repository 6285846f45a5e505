"""Become a program of an older system, with its memory where it is known.

expect: build_failed
reason: refused
"""

import ctypes

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None)
        results = [libc.personality(ctypes.c_ulong(kind)) for kind in (0x0040000, 0x0400000, 8, 0xFFFFFFFF)]
        raise RuntimeError("refused" if set(results) == {-1} else f"got through: {results}")
