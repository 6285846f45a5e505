"""Put another loss in place for the length of a step, and take it away once it is called.

expect: tampered
reason: replaced
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            right = nn.functional.cross_entropy

            def wrong(out, y, **more):
                nn.functional.cross_entropy = right
                for _ in range(10):
                    gradients = torch.autograd.grad(right(self.head(x), y), [*self.parameters()])
                    for parameter, gradient in zip(self.parameters(), gradients, strict=True):
                        parameter.data -= 0.3 * gradient
                return right(self.head(x), y)

            nn.functional.cross_entropy = wrong
        return self.head(x)
