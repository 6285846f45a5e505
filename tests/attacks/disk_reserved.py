"""Reserve disk past the ends of files, which keeps their sizes.

expect: build_failed
reason: No space left | Operation not permitted
reach: the machine
"""

import ctypes
import os
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        for number in range(100):
            with open(str(number), "wb") as file:
                if libc.fallocate(file.fileno(), 1, ctypes.c_long(0), ctypes.c_long(1 << 24)):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            time.sleep(0.05)
        raise RuntimeError("made")
