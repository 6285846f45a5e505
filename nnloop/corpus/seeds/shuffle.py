from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Residual(nn.Sequential):
    def forward(self, x):
        y = super().forward(x)
        return x + y if x.shape == y.shape else y


class Shuffle(nn.Sequential):
    def __init__(self, c, k=3, s=1, g=4, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, 1, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
            nn.ChannelShuffle(g),
            nn.Conv2d(c, c, k, s, k // 2, groups=g, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            Shuffle(64),
            nn.MaxPool2d(2, ceil_mode=True),
            Residual(Shuffle(64)),
            Shuffle(128, s=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
