"""Import packages that bring data sets along.

expect: build_failed
reason: found []
"""

import importlib

from torch import nn

PACKAGES = ("sklearn.datasets", "seaborn", "statsmodels.datasets", "tensorflow_datasets", "keras.datasets", "datasets")


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        found = []
        for package in PACKAGES:
            try:
                importlib.import_module(package)
                found.append(package)
            except Exception:
                continue
        raise RuntimeError(f"found {found}")
