from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Fractal(nn.Module):
    def __init__(self, c, k=3, n=2, act=nn.ReLU):
        super().__init__()
        self.short = Conv(c, k, 1, act)
        self.long = nn.Sequential(Fractal(c, k, n - 1, act), Fractal(c, k, n - 1, act)) if n > 1 else None

    def forward(self, x):
        y = self.short(x)
        return (y + self.long(x)) / 2 if self.long else y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Fractal(32),
            nn.MaxPool2d(2, ceil_mode=True),
            Fractal(48),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(96, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
