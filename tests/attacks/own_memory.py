"""Read the memory of its own process for tokens: it was born without any.

expect: build_failed
reason: found 0 | Permission denied
"""

import re

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        found = 0
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
            for line in maps:
                start, end = (int(edge, 16) for edge in line.split()[0].split("-"))
                if "[heap]" in line or "[stack]" in line:
                    memory.seek(start)
                    found += len(re.findall(rb"planted-" + rb"secret", memory.read(end - start)))
        raise RuntimeError(f"found {found}")
        self.head = nn.Linear(in_shape[1] * in_shape[2] * in_shape[3], out_shape[0])

    def forward(self, x):
        return self.head(x.flatten(1))
