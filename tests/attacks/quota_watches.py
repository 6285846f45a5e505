"""Use up the watches on files that all programs of the user share.

expect: build_failed
reason: refused
"""

import ctypes

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None)
        taken = sum(libc.inotify_init1(0) >= 0 for _ in range(200)) + sum(libc.inotify_init() >= 0 for _ in range(200))
        taken += libc.fanotify_init(0, 0) >= 0
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
