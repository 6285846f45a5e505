"""Look for other people's files.

expect: build_failed
reason: found []
"""

import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        places = [
            "/root/.netrc",
            "/root/.ssh",
            "/home",
            "/etc/passwd",
            "/etc/shadow",
            "/var",
            "/run",
            os.path.expanduser("~/.netrc"),
        ]
        raise RuntimeError(f"found {[place for place in places if os.access(place, os.R_OK)]}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
