"""Import nnloop to write to the archive.

expect: build_failed
reason: ModuleNotFoundError | PermissionError
"""

from pathlib import Path

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        from nnloop.runs import durable

        durable.write_text(Path("@RUN@/archive.jsonl"), "{}")
        raise RuntimeError("got through")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
