"""Open files without end.

expect: build_failed
reason: Too many open files
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        held = [open("/dev/null") for _ in range(100000)]  # noqa: SIM115
        del held
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
