"""Set the attributes of a package's files, as chattr does: immutable, append only, no dump.

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
        for file in (*FILES, os.path.dirname(torch.__file__), "."):
            for request in (0x40086602, 0x40046602, 0x401C5820, 0x40087602, 0x40806685, 0x6685):
                try:
                    fcntl.ioctl(os.open(file, os.O_RDONLY), request, bytes(64))
                    taken.append(file)
                except PermissionError:
                    continue
                except OSError as error:
                    taken.append(f"{file} {error}")  # the call went through to the file system
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
