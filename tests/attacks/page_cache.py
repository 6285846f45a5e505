"""Drop the packages from memory, so that other trials read them from the disk again.

expect: build_failed
reason: refused
"""

import ctypes
import mmap
import os

import torch
from torch import nn

FILES = (torch.__file__, os.__file__, "/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/ld.so.cache", "/etc/localtime")


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None)
        taken = []
        for file in FILES:
            descriptor = os.open(file, os.O_RDONLY)
            taken += [file] * (libc.posix_fadvise(descriptor, ctypes.c_long(0), ctypes.c_long(0), 4) == 0)
            taken += [file] * (libc.readahead(descriptor, ctypes.c_long(0), ctypes.c_long(1 << 20)) == 0)
            mapped = mmap.mmap(descriptor, os.fstat(descriptor).st_size, mmap.MAP_SHARED, mmap.PROT_READ)
            for advice in (20, 21):  # MADV_COLD, MADV_PAGEOUT
                try:
                    mapped.madvise(advice)
                    taken.append(file)
                except PermissionError:
                    continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
