"""Replace the functions that watch the weights between steps.

expect: tampered
reason: replaced
"""

from torch import nn

from nnloop.training import shadow


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        shadow.differing = lambda now, kept: []

    def forward(self, x):
        return self.head(x.flatten(1))
