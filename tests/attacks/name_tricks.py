"""Bear names that are paths, commands and control characters.

expect: ok
"""

from torch import nn


class Ｎet(nn.Module):  # a full-width letter: Python reads it as Net
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.héad = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])
        self.add_module("/etc/x; rm -rf ~ \u202e\x1b[2J\n", nn.Identity())

    def forward(self, x):
        return self.héad(x.flatten(1))


Net.__name__ = Net.__qualname__ = Net.__module__ = "../../etc/passwd\u202e"
