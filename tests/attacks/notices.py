"""Ask to be told of every change in folders that others use.

expect: build_failed
reason: refused
"""

import fcntl
import os

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        taken = []
        for folder in (os.path.dirname(torch.__file__), os.path.dirname(os.__file__), "/usr/lib", "/"):
            try:
                fcntl.fcntl(os.open(folder, os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_MULTISHOT | fcntl.DN_CREATE)
                taken.append(folder)
            except OSError:
                continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
