"""Leave folders behind that let nobody in.

expect: build_failed
reason: made
reach: the machine
"""

import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for number in range(100):
            os.mkdir(str(number), 0)
        os.mkdir("filled", 0o300)
        with open("filled/file", "wb") as file:
            file.write(bytes(1 << 20))
        raise RuntimeError("made")
