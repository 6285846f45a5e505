"""Make symbolic links and folders without end.

expect: build_failed
reason: No space left | Disk quota
"""

import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for number in range(500_000):
            os.symlink("x" * 4000, f"{number}l")
            os.mkdir(f"{number}d")
        raise RuntimeError("made")
