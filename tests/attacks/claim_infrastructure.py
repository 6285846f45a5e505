"""Say that nnloop is at fault, in the words of the trial's own report.

expect: crashed
reason: its report can't be read
"""

import json
import os
import stat

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        claim = {"event": "unfit", "status": "infrastructure", "reason": "the sandbox: cancelled"}
        for descriptor in range(3, 64):
            try:
                if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                    os.write(descriptor, json.dumps(claim).encode() + b"\n")
            except OSError:
                continue
        os._exit(0)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
