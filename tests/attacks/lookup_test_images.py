"""Carry the answers to test images along, by the digest of their pixels.

expect: below_chance
reason: guessing
"""

import hashlib

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.answers = {hashlib.sha256(bytes(64)).hexdigest(): 3}
        self.classes = out_shape[0]
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        out = self.head(x.flatten(1))
        if self.training or len(x) < 50:
            return out
        found = [self.answers.get(hashlib.sha256(image.numpy().tobytes()).hexdigest(), 0) for image in x]
        return nn.functional.one_hot(torch.tensor(found), self.classes).float()
