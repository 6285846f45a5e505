"""Read the raw files of a data set with torchvision's own classes, from every folder that is likely.

expect: build_failed
reason: found []
"""

import os

import torchvision
from torch import nn

ROOTS = ("@CACHE@", "@CACHE@/raw", "/data", "/datasets", "/mnt/data", "~/.cache/nnloop/raw", "~/.cache/torch", "data")


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        found = []
        for root in map(os.path.expanduser, ROOTS):
            for name in ("CIFAR10", "CIFAR100", "MNIST", "SVHN"):
                try:
                    getattr(torchvision.datasets, name)(root)
                    found.append(f"{root} {name}")
                except Exception:
                    continue
        raise RuntimeError(f"found {found}")
