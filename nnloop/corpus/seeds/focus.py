import torch
from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Focus(nn.Module):
    def __init__(self, k=7):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, k, 1, k // 2)

    def forward(self, x):
        y = torch.cat([x.mean(1, True), x.amax(1, True)], 1)
        return x * self.conv(y).sigmoid()


class Pooled(nn.Module):
    def forward(self, x):
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            Focus(),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(64, 5),
            Focus(),
            Conv(64),
            Pooled(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
