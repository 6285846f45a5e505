"""Solve for the weights in the constructor, without optimizer or gradient.

expect: tampered
reason: before it is trained
"""

import sys

import torch
from torch import nn

from nnloop.training.images import Normalise


def loot():
    """Find what trains the network up the stack: the images and the recipe."""
    frame = sys._getframe()
    while "images" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["images"], frame.f_locals["recipe"]


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        images, recipe = loot()
        x = Normalise(recipe, torch.device("cpu"), torch.contiguous_format)(images.x).flatten(1)
        y = nn.functional.one_hot(images.y, out_shape[0]).float()
        with torch.no_grad():
            self.head.weight.copy_(torch.linalg.lstsq(x.T @ x + torch.eye(x.shape[1]), x.T @ y).solution.T)

    def forward(self, x):
        return self.head(x.flatten(1))
