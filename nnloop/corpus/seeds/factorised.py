from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Cross(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, (1, k), (1, s), (0, k // 2), bias=False),
            nn.LazyConv2d(c, (k, 1), (s, 1), (k // 2, 0), bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(24),
            Cross(32, 5),
            nn.MaxPool2d(2, ceil_mode=True),
            Cross(64, 5),
            Cross(64, 3),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
