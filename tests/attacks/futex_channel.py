"""Wake another trial that waits on the same page of a file that both read.

expect: build_failed
reason: refused
"""

import ctypes
import mmap
import os

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        page = libc.mmap(None, ctypes.c_size_t(4096), 1, mmap.MAP_SHARED, os.open(torch.__file__, os.O_RDONLY), 0)
        number = {"x86_64": 202, "aarch64": 98}[os.uname().machine]
        results = [libc.syscall(ctypes.c_long(number), ctypes.c_void_p(page), op, 1, None, None, -1) for op in (1, 10)]
        raise RuntimeError("refused" if set(results) == {-1} else f"got through: {results}")
