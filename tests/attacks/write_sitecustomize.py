"""Plant a module that every later Python would import.

expect: build_failed
reason: Error: [Errno
"""

import os

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        folder = os.path.dirname(os.path.dirname(torch.__file__))
        with open(os.path.join(folder, "sitecustomize.py"), "w") as file:
            file.write("print(1)")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
