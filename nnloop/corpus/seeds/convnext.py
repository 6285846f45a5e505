from torch import nn


class Next(nn.Sequential):
    def __init__(self, c, k=7, s=1, e=2, act=nn.GELU):
        super().__init__(
            nn.LazyConv2d(c, 1),
            nn.Conv2d(c, c, k, s, k // 2, groups=c),
            nn.GroupNorm(1, c),
            nn.Conv2d(c, c * e, 1),
            act(),
            nn.Conv2d(c * e, c, 1),
        )


class Residual(nn.Sequential):
    def forward(self, x):
        y = super().forward(x)
        return x + y if x.shape == y.shape else y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            nn.LazyConv2d(48, 3, 2, 1),
            nn.LazyBatchNorm2d(),
            Residual(Next(48)),
            Residual(Next(48)),
            Next(64, s=2),
            Residual(Next(64)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
