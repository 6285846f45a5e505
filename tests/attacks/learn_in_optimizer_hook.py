"""Take more steps in a hook of all optimizers that is registered after ours.

expect: ok
at most: 0.85
"""

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.seen, self.busy = [], False
        register_optimizer_step_post_hook(self.more)

    def more(self, optimizer, *rest):
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.sub_(0.3 * parameter.grad)

    def forward(self, x):
        return self.head(x.flatten(1))
