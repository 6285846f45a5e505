"""Shrink its parameters in forward, without an optimizer: so do honest networks, and nothing is learned.

expect: ok
at most: 0.85
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.head.weight.mul_(0.999)
        return self.head(x.flatten(1))
