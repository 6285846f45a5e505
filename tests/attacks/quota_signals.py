"""Fill the queue of signals that all programs of the user share.

expect: build_failed
reason: refused
"""

import ctypes
import os
import signal
import threading

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(signal.SIGRTMIN, signal.SIGRTMAX))
        number = {"x86_64": 234, "aarch64": 131}[os.uname().machine]
        call = (ctypes.c_long(number), os.getpid(), threading.get_native_id(), signal.SIGRTMIN + 3)
        taken = sum(libc.syscall(*call) == 0 for _ in range(20_000))
        raise RuntimeError(f"got through: {taken}" if taken > 1000 else "refused")
