"""Look for the keys of W&B and the hub in the environment that the process was started with.

expect: build_failed
reason: found [] | Permission denied
"""

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        with open("/proc/self/environ", "rb") as file:
            names = [entry.split(b"=")[0].decode() for entry in file.read().split(b"\0")]
        raise RuntimeError(f"found {[name for name in names if name in ('WANDB_API_KEY', 'HF_TOKEN', 'HOME', 'USER')]}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
