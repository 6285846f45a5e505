"""Fill the scratch folder with many files.

expect: build_failed
reason: No space left
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for i in range(1000):
            with open(f"file{i}", "wb") as file:
                file.write(bytes(1 << 24))
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
