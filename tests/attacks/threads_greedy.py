"""Keep every core busy with 64 threads.

expect: timeout
reason: stopped after
reach: the machine
"""

import hashlib
import threading

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()

        def burn():
            while True:
                hashlib.sha256(bytes(1 << 20)).digest()

        threading.stack_size(1 << 18)
        for _ in range(64):
            threading.Thread(target=burn, daemon=True).start()
        burn()
