"""Keep more files open than it may, by sending them through a pair of sockets.

expect: build_failed
reason: refused
"""

import array
import os
import socket

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        left, _right = socket.socketpair()
        taken = 0
        for _ in range(100):
            held = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
            try:
                left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", held))])
                taken += 100
            except PermissionError:
                pass
            for descriptor in held:
                os.close(descriptor)
        raise RuntimeError(f"got through: {taken}" if taken else "refused")
