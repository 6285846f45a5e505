"""Set the clock, the host's name, swap and modules.

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
        zeros = ctypes.create_string_buffer(256)
        numbers = {"clock_settime": 227, "settimeofday": 164, "adjtimex": 159, "sethostname": 170, "swapoff": 168}
        numbers |= {"delete_module": 176, "reboot": 169, "acct": 163, "iopl": 172, "mount_setattr": 442}
        done = [name for name, number in numbers.items() if libc.syscall(number, zeros, zeros, 0, 0, 0) == 0]
        raise RuntimeError(f"got through: {done}" if done else "refused")
