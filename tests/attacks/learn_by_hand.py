"""Learn without an optimizer between the steps of an optimizer that does nothing (proxy=lemur).

expect: off_recipe
reason: between two steps
proxy: lemur
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))

    def train_setup(self, prm):
        self.optimizer = torch.optim.SGD(self.parameters(), 0.0)

    def learn(self, batches):
        for x, y in batches:
            for _ in range(10):
                loss = nn.functional.cross_entropy(self(x), y)
                for parameter, gradient in zip(
                    self.parameters(), torch.autograd.grad(loss, [*self.parameters()]), strict=True
                ):
                    parameter.data -= 0.1 * gradient
            self.optimizer.step()
