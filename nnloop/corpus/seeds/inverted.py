from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Inverted(nn.Sequential):
    def __init__(self, c, k=3, s=1, e=4, act=nn.ReLU6):
        super().__init__(
            nn.LazyConv2d(c * e, 1, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
            nn.Conv2d(c * e, c * e, k, s, k // 2, groups=c * e, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
            nn.Conv2d(c * e, c, 1, bias=False),
            nn.LazyBatchNorm2d(),
        )


class Residual(nn.Sequential):
    def forward(self, x):
        y = super().forward(x)
        return x + y if x.shape == y.shape else y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(16),
            Inverted(24),
            Residual(Inverted(24)),
            Inverted(32, 3, 2),
            Residual(Inverted(32)),
            Conv(96, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
