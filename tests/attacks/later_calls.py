"""Make the calls of a newer kernel, whose numbers no table has.

expect: build_failed
reason: refused
"""

import ctypes

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        answers = set()
        for number in range(471, 1024):
            libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0)
            answers.add(ctypes.get_errno())
        raise RuntimeError("refused" if answers == {38} else f"got through: {answers}")
