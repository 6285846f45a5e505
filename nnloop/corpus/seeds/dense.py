import torch
from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Dense(nn.Module):
    def __init__(self, c, k=3, act=nn.ReLU):
        super().__init__()
        self.conv = Conv(c, k, 1, act)

    def forward(self, x):
        return torch.cat([x, self.conv(x)], 1)


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(24),
            Dense(16),
            Dense(16),
            nn.AvgPool2d(2, ceil_mode=True),
            Conv(40, 1),
            Dense(24),
            Dense(24),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
