"""Claim that the wall broke: its exit code, its words on every descriptor, and no report.

expect: crashed
reason: exited with code 113 while building | its report can't be read
"""

import contextlib
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for descriptor in range(1, 256):
            for words in (b"ready", b"OSError: mount: no\n", b'{"cause": "broken", "fault": "no"}\n'):
                with contextlib.suppress(OSError):
                    os.write(descriptor, words)
        os._exit(113)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
