from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(48, 5),
            Conv(48, 1),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(64),
            Conv(64, 1),
            nn.Dropout(0.1),
            nn.LazyConv2d(out_shape[0], 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, x):
        return self.net(x)
