import torch
from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Ghost(nn.Module):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__()
        self.main = Conv(c // 2, k, s, act)
        self.ghost = nn.Conv2d(c // 2, c // 2, 3, 1, 1, groups=c // 2)

    def forward(self, x):
        x = self.main(x)
        return torch.cat([x, self.ghost(x)], 1)


class Residual(nn.Sequential):
    def forward(self, x):
        y = super().forward(x)
        return x + y if x.shape == y.shape else y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Ghost(32),
            Residual(Ghost(32)),
            Ghost(64, s=2),
            Residual(Ghost(64)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
