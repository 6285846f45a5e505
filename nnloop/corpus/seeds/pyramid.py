import torch
from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Pyramid(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.sizes = sizes

    def forward(self, x):
        pool = nn.functional.adaptive_max_pool2d
        return torch.cat([pool(x, n).flatten(1) for n in self.sizes], 1)


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(48),
            Conv(64),
            Pyramid(1, 2),
            nn.LazyLinear(96),
            nn.ReLU(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
