"""Fill the disk with files that never had a name.

expect: build_failed
reason: No space left
reach: the machine
"""

import os
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        held = []
        for _ in range(100):
            held.append(os.open(".", os.O_TMPFILE | os.O_RDWR))
            os.write(held[-1], bytes(1 << 24))
            time.sleep(0.05)
        raise RuntimeError("made")
