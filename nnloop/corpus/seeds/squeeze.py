from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class SE(nn.Module):
    def __init__(self, c, k=3, s=1, r=4, act=nn.ReLU):
        super().__init__()
        self.conv = Conv(c, k, s, act)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(c, c // r, 1),
            act(),
            nn.Conv2d(c // r, c, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        x = self.conv(x)
        return x * self.gate(x)


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            SE(32),
            nn.MaxPool2d(2, ceil_mode=True),
            SE(64),
            nn.MaxPool2d(2, ceil_mode=True),
            SE(96),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
