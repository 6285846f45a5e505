"""Take a lease on files that others open: their next open() waits until the lease is given up.

expect: build_failed
reason: refused
"""

import fcntl
import os

import torch
from torch import nn

FILES = (torch.__file__, os.__file__, "/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/ld.so.cache", "/etc/localtime")


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        taken = []
        for file in FILES:
            for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK):
                try:
                    fcntl.fcntl(os.open(file, os.O_RDONLY), fcntl.F_SETLEASE, kind)
                    taken.append(file)
                except OSError:
                    continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
