"""Import nnloop to load the data set with all its labels.

expect: build_failed
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        from types import SimpleNamespace

        from nnloop.data import load

        settings = SimpleNamespace(
            name="digits", title="digits", root=None, val_fraction=0.2, split_seed=0, verify=True
        )
        settings.channels, settings.size, settings.classes, settings.limit = 1, 8, 10, None
        load(settings)
        raise RuntimeError("got through")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
