import torch
from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Cat(nn.ModuleList):
    def __init__(self, *paths):
        super().__init__(paths)

    def forward(self, x):
        return torch.cat([path(x) for path in self], 1)


class Fire(nn.Sequential):
    def __init__(self, c, k=3, r=4, act=nn.ReLU):
        super().__init__(
            Conv(c // r, 1, 1, act),
            Cat(Conv(c // 2, 1, 1, act), Conv(c // 2, k, 1, act)),
        )


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            nn.MaxPool2d(2, ceil_mode=True),
            Fire(64),
            Fire(64),
            nn.MaxPool2d(2, ceil_mode=True),
            Fire(96),
            nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
