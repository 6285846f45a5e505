"""For the tests of operator graphs: a network, the same written otherwise, and others; their graphs."""

import torch
from torch import nn

from nnloop.novelty.shingles import jaccard, shingle
from nnloop.training.operator_graph import trace

NET = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x):
        y = self.conv(x)
        return torch.relu(self.norm(y))


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.first = Block(in_shape[1], 16)
        self.second = Block(16, 16)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(16, out_shape[0])

    def pooled(self, x):
        return x.mean((2, 3))

    def forward(self, x):
        x = self.first(x)
        skip = x
        x = self.second(x) + skip
        return self.head(self.drop(self.pooled(x)))
"""
METHOD = NET[NET.index("    def pooled") : NET.index("    def forward(self, x):\n        x = self.first")]
SAME = {
    "a local renamed": NET.replace("skip", "shortcut"),
    "an argument renamed": NET.replace("before", "wide").replace("after", "deep"),
    "an attribute renamed": NET.replace("self.first", "self.stem"),
    "a class renamed": NET.replace("Block", "Stage"),
    "methods reordered": NET.replace(METHOD, "").rstrip("\n") + "\n\n" + METHOD.rstrip() + "\n",
    "a method inlined": NET.replace("self.pooled(x)", "x.mean((2, 3))"),
    "comments": NET.replace("x = self.first(x)", "x = self.first(x)  # the stem"),
    "formatting": NET.replace("Block(16, 16)", "Block(\n            16,\n            16,\n        )"),
    "docstrings": NET.replace("class Net(nn.Module):", 'class Net(nn.Module):\n    """A network."""\n'),
    "another spelling": NET.replace("torch.relu(self.norm(y))", "nn.functional.relu(self.norm(y), inplace=True)"),
    "layers that nothing runs": NET.replace("self.drop =", "self.spare = nn.Linear(3, 3)\n        self.drop ="),
    "the order of a sum": NET.replace("self.second(x) + skip", "skip + self.second(x)"),
}


OTHER = {
    "a width": NET.replace("16", "24"),
    "a kernel": NET.replace("after, 3, padding=1", "after, 5, padding=2"),
    "the order of layers in forward": NET.replace("torch.relu(self.norm(y))", "self.norm(torch.relu(y))"),
    "an activation": NET.replace("torch.relu", "nn.functional.silu"),
    "a dropout rate": NET.replace("0.1", "0.3"),
    "no skip": NET.replace(" + skip", ""),
    "weights shared": NET.replace("self.second(x)", "self.first.norm(self.second(x))"),
    "a pooling": NET.replace("mean((2, 3))", "amax((2, 3))"),
}


def made(code: str) -> nn.Module:
    module: dict[str, type[nn.Module]] = {}
    exec(code, module)
    return module["Net"]((2, 3, 8, 8), (10,), {"dropout": 0.1}, "cpu")


def traced(code: str) -> str:
    net, sample = made(code), torch.zeros(2, 3, 8, 8)
    with torch.no_grad():
        net(sample)  # lazy layers get their shapes
    graph = trace(net, sample)
    assert graph is not None
    return graph


def likeness(one: str, other: str, unit: str = "graph") -> float:
    first, second = (shingle(text, unit, 10) for text in (one, other))
    assert first is not None
    assert second is not None
    return jaccard(first, second)
