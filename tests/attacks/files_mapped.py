"""Fill the disk with files that are unlinked, closed, and kept by a mapping alone.

expect: build_failed
reason: No space left
reach: the machine
"""

import mmap
import os
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        held = []
        for number in range(100):
            with open(str(number), "w+b") as file:
                file.write(bytes(1 << 24))
                file.flush()
                held.append(mmap.mmap(file.fileno(), 4096))
            os.unlink(str(number))
            time.sleep(0.05)
        raise RuntimeError("made")
