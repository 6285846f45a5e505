"""Enlarge pipes until the user's pages for pipes are used up.

expect: build_failed
reason: refused
"""

import fcntl
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        taken = 0
        for _ in range(100):
            try:
                taken += fcntl.fcntl(os.pipe()[0], fcntl.F_SETPIPE_SZ, 1 << 20) > 0
            except PermissionError:
                continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
