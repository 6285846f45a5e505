from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Dilated(nn.Sequential):
    def __init__(self, c, k=3, s=1, d=2, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2 * d, d, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            Dilated(32),
            Dilated(48, d=3),
            nn.AvgPool2d(2, ceil_mode=True),
            Dilated(64),
            Conv(64, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
