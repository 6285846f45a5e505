"""End the process with success in training.

expect: crashed
"""

import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        if self.training:
            os._exit(0)
        return self.head(x.flatten(1))
