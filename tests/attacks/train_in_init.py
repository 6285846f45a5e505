"""Train in the constructor, on images found in the interpreter.

expect: tampered
reason: while it was built
"""

import sys

import torch
from torch import nn


def loot():
    """Find the training images and their labels up the stack."""
    frame = sys._getframe()
    while "images" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["images"]


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        images = loot()
        optimizer = torch.optim.Adam(self.parameters(), 0.01)
        for _ in range(50):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self(images.x.float() / 8 - 1), images.y)
            loss.backward()
            optimizer.step()

    def forward(self, x):
        return self.head(x.flatten(1))
