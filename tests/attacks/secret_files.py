"""Read ~/.netrc and ~/.ssh of the user by their full names.

expect: build_failed
reason: read 0
"""

import contextlib

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        read = 0
        for path in ("@HOME@/.netrc", "@HOME@/.ssh/id_ed25519", "@HOME@/.cache/huggingface/token"):
            with contextlib.suppress(OSError), open(path) as file:
                read += len(file.read())
        raise RuntimeError(f"read {read}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
