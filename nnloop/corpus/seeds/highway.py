from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Highway(nn.Module):
    def __init__(self, c, k=3, act=nn.ReLU):
        super().__init__()
        self.value = Conv(c, k, 1, act)
        self.gate = Conv(c, k, 1, nn.Sigmoid)

    def forward(self, x):
        y, t = self.value(x), self.gate(x)
        return t * y + (1 - t) * x if x.shape == y.shape else t * y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            Highway(32),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(64),
            Highway(64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
