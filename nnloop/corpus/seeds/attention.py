from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(
            nn.LazyConv2d(c, k, s, k // 2, bias=False),
            nn.LazyBatchNorm2d(),
            act(),
        )


class Attention(nn.Module):
    def __init__(self, c, h=4, t=4):
        super().__init__()
        self.h = h
        self.q = nn.LazyConv2d(c, 1)
        self.kv = nn.Sequential(nn.AdaptiveAvgPool2d(t), nn.LazyConv2d(2 * c, 1))
        self.out = nn.LazyConv2d(c, 1)

    def heads(self, x):
        return x.flatten(2).unflatten(1, (self.h, -1)).transpose(2, 3)

    def forward(self, x):
        q, (k, v) = self.q(x), self.kv(x).chunk(2, 1)
        y = nn.functional.scaled_dot_product_attention(self.heads(q), self.heads(k), self.heads(v))
        return self.out(y.transpose(2, 3).reshape(q.shape))


class Residual(nn.Sequential):
    def forward(self, x):
        y = super().forward(x)
        return x + y if x.shape == y.shape else y


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(48),
            Residual(Attention(48)),
            nn.MaxPool2d(2, ceil_mode=True),
            Conv(64),
            Residual(Attention(64)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )

    def forward(self, x):
        return self.net(x)
