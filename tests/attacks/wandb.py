"""Import wandb to reach the run.

expect: build_failed
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        import wandb

        wandb.init(project="x", mode="online", settings=wandb.Settings(init_timeout=3)).log({"val_accuracy": 1.0})
        raise RuntimeError("got through")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
