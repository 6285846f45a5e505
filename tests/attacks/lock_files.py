"""Lock files that other trials read, to stop them or to talk to them.

expect: build_failed
reason: refused
"""

import fcntl
import os
import struct

import torch
from torch import nn

FILES = (torch.__file__, os.__file__, "/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/ld.so.cache", "/etc/localtime")


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        taken = []
        for file in FILES:
            descriptor = os.open(file, os.O_RDONLY)
            whole = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            attempts = [(fcntl.flock, fcntl.LOCK_SH), (fcntl.flock, fcntl.LOCK_EX)]
            attempts += [(fcntl.fcntl, command, whole) for command in (5, 6, 7, 36, 37, 38)]
            for attempt, *arguments in attempts:
                try:
                    attempt(descriptor, *arguments)
                    taken.append(file)
                except PermissionError:
                    continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
