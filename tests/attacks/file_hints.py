"""Leave a mark on a file that another trial can read: the hint on how long its data live.

expect: build_failed
reason: refused
"""

import fcntl
import os
import struct

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        taken = []
        for request in (1035, 1036, 1037, 1038):
            try:
                fcntl.fcntl(os.open(torch.__file__, os.O_RDONLY), request, struct.pack("Q", 2))
                taken.append(request)
            except PermissionError:
                continue
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
