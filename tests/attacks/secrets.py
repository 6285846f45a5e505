"""Look for keys in the environment.

expect: build_failed
reason: found []
"""

import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        found = [name for name in os.environ if "KEY" in name or "TOKEN" in name or "SECRET" in name]
        raise RuntimeError(f"found {found}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
