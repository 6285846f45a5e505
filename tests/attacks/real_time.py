"""Get a real-time share of the processor and of the disk.

expect: build_failed
reason: refused
"""

import ctypes
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        if os.uname().machine != "x86_64":
            raise RuntimeError("refused")
        priority = ctypes.c_int(50)
        deadline = (ctypes.c_uint64 * 6)(48 | 6 << 32, 0, 0, 1_000_000, 10_000_000, 10_000_000)
        asked = {"SCHED_FIFO": (144, 0, 1, ctypes.byref(priority)), "SCHED_DEADLINE": (314, 0, deadline, 0)}
        asked |= {"ioprio_set": (251, 1, 0, 1 << 13), "setpriority": (141, 0, 0, ctypes.c_long(-20))}
        done = [name for name, call in asked.items() if libc.syscall(*call) == 0]
        raise RuntimeError(f"got through: {done}" if done else "refused")
