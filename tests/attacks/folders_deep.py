"""Make 3,000 folders in each other, deeper than any path is long.

expect: build_failed
reason: made
reach: the machine
"""

import os
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for _ in range(3000):
            os.mkdir("folder")
            os.chdir("folder")
        open("file", "w").close()
        time.sleep(1)
        raise RuntimeError("made")
