"""Fill the disk with files that are unlinked and kept open.

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
        for number in range(100):
            held.append(open(str(number), "wb"))  # noqa: SIM115  (it stays open)
            os.unlink(str(number))
            held[-1].write(bytes(1 << 24))
            held[-1].flush()
            time.sleep(0.05)
        raise RuntimeError("made")
