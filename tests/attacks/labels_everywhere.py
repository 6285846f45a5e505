"""Look through the whole file system for a data set under any of the usual names.

expect: build_failed
reason: found []
"""

import os
import re
import sys

from torch import nn

NAMES = re.compile(r"digits\.csv|_y\.npy|idx[13]-ubyte|data_batch|\.mat$|\.parquet$|\.arrow$|list_attr_celeba")


def readable(path):
    try:
        return bool(open(path, "rb").read(1))
    except OSError:
        return False


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        tops = {"/", sys.prefix, sys.base_prefix, os.path.dirname(os.__file__), *filter(os.path.isabs, sys.path)}
        folders = (walk for top in tops for walk in os.walk(top) if not walk[0].startswith(("/proc", "/sys")))
        paths = [os.path.join(folder, name) for folder, _, names in folders for name in names if NAMES.search(name)]
        raise RuntimeError(f"found {[path for path in paths if readable(path)]}")
