"""Reach a service of this machine.

expect: build_failed
reason: PermissionError
"""

import socket

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        socket.create_connection(("127.0.0.1", int("@PORT@")), timeout=5)
        raise RuntimeError("got through")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
