"""Do many times the work of its steps, by images that it keeps, and change nothing that is looked at.

expect: off_recipe
reason: does not cost
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.seen = []

    def forward(self, x):
        if self.training:
            self.seen.append(x)
            if len(self.seen) > 25:
                matrix = torch.ones(1024, 1024)
                for _ in range(10):
                    matrix = matrix @ matrix / 1024
        return self.head(x.flatten(1))
