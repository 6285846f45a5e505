"""Start 3,000 threads with small stacks.

expect: build_failed
reason: can't start new thread
reach: the machine
"""

import threading
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        threading.stack_size(1 << 16)
        for _ in range(3000):
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
        time.sleep(1)
        raise RuntimeError("made")
