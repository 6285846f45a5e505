"""Learn from earlier batches again in the backward pass of a function of its own.

expect: off_recipe
reason: another gradient
"""

import torch
from torch import nn

SEEN = []


class Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx, out, x, weight):
        ctx.save_for_backward(x, weight)
        return out.clone()

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        SEEN.append((x, (gradient < 0).float()))
        more = sum((((x @ weight.T).softmax(1) - y) / len(x)).T @ x for x, y in SEEN)
        return gradient, None, more


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        x = x.flatten(1)
        out = self.head(x)
        return Replay.apply(out, x, self.head.weight) if self.training else out
