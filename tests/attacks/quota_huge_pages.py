"""Take the huge pages that the machine keeps for others.

expect: build_failed
reason: refused
"""

import ctypes
import mmap

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        refused = 0
        for size in (0, 21 << 26, 30 << 26):
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000 | size
            got = libc.mmap(None, ctypes.c_size_t(1 << 30 if size == 30 << 26 else 2 << 20), 3, flags, -1, 0)
            refused += got == ctypes.c_void_p(-1).value and ctypes.get_errno() == 1
        raise RuntimeError("refused" if refused == 3 else f"got through: {3 - refused}")
