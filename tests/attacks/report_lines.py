"""Report the trial's end thousands of times over, for the parent to read.

expect: crashed
reason: its report can't be read
"""

import contextlib
import json
import os
import stat

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        line = json.dumps({"event": "unfit", "status": "crashed", "reason": ""}).encode() + b"\n"
        for descriptor in range(3, 64):
            with contextlib.suppress(OSError):
                if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                    sent = line * 13_000
                    while sent:
                        sent = sent[os.write(descriptor, sent) :]
        os._exit(0)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
