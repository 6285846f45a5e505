"""Change the prepared data set.

expect: build_failed
reason: Error: [Errno
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        with open("@CACHE@/prepared/poison.npy", "wb") as file:
            file.write(bytes(8))
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
