"""Add gradients of a pass of its own.

expect: off_recipe
reason: backward passes
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        if self.training:
            nn.functional.mse_loss(self.head(x.flatten(1)), self.head(x.flatten(1)) * 0).backward()
        return self.head(x.flatten(1))
