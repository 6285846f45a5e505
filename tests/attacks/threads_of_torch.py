"""Keep every core busy with the threads of torch.

expect: timeout
reason: stopped after
reach: the machine
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        torch.set_num_threads(64)
        left = torch.rand(512, 512)
        while True:
            left = left @ left
            left /= left.norm()
