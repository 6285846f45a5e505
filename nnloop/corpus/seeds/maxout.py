from torch import nn


class Maxout(nn.Sequential):
    def __init__(self, c, k=3, s=1, n=2):
        super().__init__(
            nn.LazyConv2d(c * n, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            nn.Unflatten(1, (n, c)),
        )

    def forward(self, x):
        return super().forward(x).amax(1)


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Maxout(32),
            nn.MaxPool2d(2, ceil_mode=True),
            Maxout(48),
            nn.MaxPool2d(2, ceil_mode=True),
            Maxout(64, n=3),
            nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
