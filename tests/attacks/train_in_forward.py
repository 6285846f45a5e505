"""Take steps of its own in forward.

expect: off_recipe
reason: backward passes
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.own = [torch.optim.SGD(self.parameters(), 0.1)]
        self.busy = False

    def forward(self, x):
        if self.training and not self.busy:
            self.busy = True
            loss = self.head(x.flatten(1)).square().mean()
            self.own[0].zero_grad()
            loss.backward()
            self.own[0].step()
            self.busy = False
        return self.head(x.flatten(1))
