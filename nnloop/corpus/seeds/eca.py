from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class ECA(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, k, 1, k // 2)

    def forward(self, x):
        y = self.conv(x.mean((2, 3)).unsqueeze(1)).sigmoid()
        return x * y.transpose(1, 2).unsqueeze(3)


class Residual(nn.Sequential):
    def forward(self, x):
        y = super().forward(x)
        return x + y if x.shape == y.shape else y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            Residual(Conv(32), Conv(32), ECA()),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(64),
            ECA(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
