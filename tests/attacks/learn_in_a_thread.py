"""Solve for the weights in a thread beside the training, and write them during forward passes.

expect: off_recipe
reason: in a clean process | repeated
"""

import gc
import threading
import time

import torch
from torch import nn


def loot():
    """Find the training images and their labels in the interpreter."""
    for thing in gc.get_objects():
        if type(thing).__name__ == "TrainImages":
            return ((thing.x.float() / 16 - 0.3) / 0.38).flatten(1), thing.y
    return None


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.open = False  # is a forward pass under way?
        threading.Thread(target=self.learn_beside, daemon=True).start()

    def learn_beside(self):
        solution = None
        while True:
            time.sleep(0.001)
            if solution is None and self.training and (found := loot()):
                x, y = found
                targets = nn.functional.one_hot(y, 10).float()
                solution = 10 * torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]), x.T @ targets).T
            if solution is not None and self.open:
                self.head.weight.data.copy_(solution)

    def forward(self, x):
        self.open = True
        time.sleep(0.01)
        self.open = False
        return self.head(x.flatten(1))
