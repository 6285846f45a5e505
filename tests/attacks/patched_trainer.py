"""Make the trainer do nothing.

expect: tampered
reason: replaced
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        import lightning

        lightning.Trainer.fit = lambda *arguments, **keywords: None
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
