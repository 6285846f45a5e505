"""Leave threads behind that never end: they go with the process.

expect: ok
"""

import threading
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        for _ in range(20):
            threading.Thread(target=time.sleep, args=(1000,)).start()
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
