"""Give a function of torch other code.

expect: tampered
reason: replaced
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        torch.nn.functional.cross_entropy.__code__ = (lambda *a, **k: a[0].sum() * 0).__code__
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
