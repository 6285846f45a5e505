"""Read the digits from scikit-learn's copies in other Pythons of the machine, by their usual places.

expect: build_failed
reason: found []
"""

import glob

from torch import nn

TOPS = ("/usr", "/usr/local", "/opt/*", "/root/*", "/home/*", "/work/*", "/root/.pyenv/versions/*", "/usr/local/*")
PYTHONS = ("", "/.venv", "/venv", "/envs/*", "/conda", "/pkgs/*")
DATA = ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages", "")


def readable(path):
    try:
        return bool(open(path, "rb").read(1))
    except OSError:
        return False


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        places = [
            f"{top}{python}/{data}/sklearn/datasets/data/digits.csv.gz"
            for top in TOPS
            for python in PYTHONS
            for data in DATA
        ]
        raise RuntimeError(f"found {[path for place in places for path in glob.glob(place) if readable(path)]}")
