"""Keep keys in the user's keyring, where they outlive the trial.

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
        add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
        results = [libc.syscall(ctypes.c_long(add), b"user", b"nnloop-was", b"here", 4, ring) for ring in (-3, -4, -5)]
        results.append(libc.syscall(ctypes.c_long(control), 1, 0))
        raise RuntimeError("refused" if set(results) == {-1} else f"got through: {results}")
