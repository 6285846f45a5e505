"""Have the machine write all of its files to the disk, again and again.

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
        descriptor = os.open("file", os.O_CREAT | os.O_RDWR)
        results = [getattr(libc, name)(descriptor) for name in ("fsync", "fdatasync", "syncfs")]
        results.append(libc.sync_file_range(descriptor, ctypes.c_long(0), ctypes.c_long(0), 7))
        raise RuntimeError("refused" if set(results) == {-1} else f"got through: {results}")
