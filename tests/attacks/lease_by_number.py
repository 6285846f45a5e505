"""Take a lease by the bare system call, in a thread of its own, and have it tell by a signal.

expect: build_failed
reason: refused
"""

import ctypes
import os
import threading

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc, results = ctypes.CDLL(None, use_errno=True), []

        def attempt():
            descriptor = os.open(torch.__file__, os.O_RDONLY)
            number = {"x86_64": 72, "aarch64": 25}[os.uname().machine]
            for command, value in ((10, 10), (1024, 0), (1024, 1), (0x100000400, 0)):
                results.append(libc.syscall(ctypes.c_long(number), descriptor, ctypes.c_ulong(command), value))

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        raise RuntimeError("refused" if set(results) == {-1} else f"got through: {results}")
