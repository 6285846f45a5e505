"""Look for other environments, caches of packages and folders of data beside Python's own modules and packages.

expect: build_failed
reason: found []
"""

import os
import sys

from torch import nn

BESIDE = ("pkgs", "envs", "share", "conda-meta", "../venv", "../envs", "lib/python3.9", "lib/python3/dist-packages")


def readable(path):
    try:
        return bool(open(path, "rb").read(1)) and "zoneinfo" not in path
    except OSError:
        return False


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        places = [
            os.path.join(top, name) for top in (sys.prefix, sys.base_prefix, "/usr", "/usr/local") for name in BESIDE
        ]
        places += [os.path.join(top, name) for top in sys.path for name in ("sklearn", "scipy/datasets", "statsmodels")]
        files = (
            os.path.join(folder, name) for place in places for folder, _, names in os.walk(place) for name in names
        )
        raise RuntimeError(f"found {[path for path in files if readable(path)]}")
