"""Answer by what else is in the batch.

expect: off_recipe
reason: batch
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        out = self.head(x.flatten(1))
        return out if self.training else (out - out.mean(0)) / out.std(0)
