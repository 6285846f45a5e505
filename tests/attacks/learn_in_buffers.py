"""Learn in closed form into buffers, by the labels that the gradient of the logits tells.

expect: off_recipe
reason: other labels
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        size = self.head.in_features
        self.register_buffer("products", torch.eye(size))
        self.register_buffer("sums", torch.zeros(size, out_shape[0]))

    def forward(self, x):
        x = x.flatten(1)
        if not self.training:
            return x @ torch.linalg.solve(self.products, self.sums)
        out = self.head(x)
        if out.requires_grad:
            out.register_hook(lambda gradient: self.learn_by_hand(x, gradient))
        return out

    def learn_by_hand(self, x, gradient):
        self.products += x.T @ x
        self.sums += x.T @ (gradient < 0).float()
