"""Make threads with tables of descriptors of their own, so that their files are not seen.

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
        numbers = {"x86_64": (56, 436), "aarch64": (220, 436)}[os.uname().machine]
        stack = ctypes.create_string_buffer(1 << 16)
        top = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 16))
        flags = 0x10900 | 0x200  # CLONE_THREAD, _SIGHAND, _VM, _FS: all but CLONE_FILES
        results = [libc.syscall(ctypes.c_long(numbers[0]), flags, None, None, None, None)]
        results.append(libc.syscall(ctypes.c_long(numbers[1]), 1000, 2000, 2))
        raise RuntimeError("refused" if set(results) == {-1} else f"got through: {results} {top}")
