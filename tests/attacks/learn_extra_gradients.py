"""Learn ten times from each batch, by gradients that no backward pass gave (proxy=lemur).

expect: off_recipe
reason: optimizer steps by
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
        self.optimizer = torch.optim.SGD(self.parameters(), prm["lr"])

    def learn(self, batches):
        parameters = [*self.parameters()]
        for x, y in batches:
            for _ in range(10):
                loss = nn.functional.cross_entropy(self(x), y)
                for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                    parameter.grad = gradient
                self.optimizer.step()
