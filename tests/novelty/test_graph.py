"""The graph rule: what a trace holds, and what it does not see and sees of a network."""

import json

import pytest
import torch
from edits import BASE, seed_sources
from torch import nn

from nnloop.novelty import build
from nnloop.novelty.graph import graph_shingles
from nnloop.novelty.shingles import jaccard, shingle
from nnloop.records import candidate_id
from nnloop.settings import MinHashSettings
from nnloop.training import operator_graph as tracing
from nnloop.training.operator_graph import trace

GRAPH = MinHashSettings("graph", "graph", 10, 256, 0.85, 0.9)

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


@pytest.mark.parametrize("change", SAME)
def test_another_way_of_writing_a_network_is_not_novel(change: str) -> None:
    assert SAME[change] != NET
    assert likeness(traced(NET), traced(SAME[change])) == 1.0


@pytest.mark.parametrize("change", OTHER)
def test_a_change_of_the_computation_is_novel(change: str) -> None:
    assert OTHER[change] != NET
    rule = build(GRAPH)
    rule.add(candidate_id(NET), NET, traced(NET))
    verdict = rule.judge("new", OTHER[change], traced(OTHER[change]))
    assert verdict.novel
    assert 0 < verdict.max_jaccard < 0.9


TOLD_APART_BY_TEXT = ("a method inlined", "another spelling", "layers that nothing runs", "the order of a sum")


@pytest.mark.parametrize("change", [change for change in SAME if change not in TOLD_APART_BY_TEXT])
def test_statements_do_not_see_names_and_layout(change: str) -> None:
    assert likeness(NET, SAME[change], "statements") == 1.0


@pytest.mark.parametrize("change", OTHER)
def test_statements_see_a_change_of_the_computation(change: str) -> None:
    assert likeness(NET, OTHER[change], "statements") < 0.9


def test_a_width_in_a_long_network_is_novel() -> None:
    """Ten blocks more on either side: the surroundings of one layer are still a tenth of the network."""
    long = NET.replace("x = self.first(x)", "x = self.more(self.first(x))").replace(
        "self.drop =", "self.more = nn.Sequential(*[Block(16, 16) for _ in range(20)])\n        self.drop ="
    )
    wider = long.replace(
        "for _ in range(20)]", "for _ in range(10)], Block(16, 24), Block(24, 16), *[Block(16, 16) for _ in range(8)]"
    )
    assert likeness(traced(long), traced(wider)) < 0.9


@pytest.mark.parametrize("source", seed_sources()[::4])
def test_a_trace_does_not_depend_on_the_seed_nor_change_the_network(source: str) -> None:
    torch.manual_seed(1)
    net, sample = made(source), torch.zeros(2, 3, 8, 8)
    with torch.no_grad():
        net(sample)
    net.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first = trace(net, sample)
    torch.manual_seed(2)
    assert trace(net, sample) == first
    assert not net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_trace_names_operators_arguments_shapes_and_inputs() -> None:
    nodes = json.loads(traced(NET))
    assert nodes[0] == ["input", "", [2, 3, 8, 8], []]
    assert nodes[1][0] == "convolution"
    assert nodes[1][1].startswith("[*,wx16x3x3x3,wx16,[1,1],[1,1]")
    assert nodes[1][2:] == [[2, 16, 8, 8], [0]]
    assert nodes[-1][0] == "addmm"
    assert nodes[-1][2] == [2, 10]
    assert all(place < at for at, node in enumerate(nodes) for place in node[3])


def test_what_cannot_be_traced_has_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trace(made(NET.replace("x = self.first(x)", "1 / 0")), torch.zeros(2, 3, 8, 8)) is None
    monkeypatch.setattr(tracing, "MAX_NODES", 5)
    assert trace(made(NET), torch.zeros(2, 3, 8, 8)) is None
    monkeypatch.setattr(tracing, "MAX_NODES", 5_000)
    monkeypatch.setattr(tracing, "MAX_BYTES", 100)
    assert trace(made(NET), torch.zeros(2, 3, 8, 8)) is None


@pytest.mark.parametrize("graph", ["", "[", "{}", "[]", "[1]", '[["conv"]]', '[["a","b",[1],["x"]]]', "[" * 10_000])
def test_what_is_no_graph_is_not_novel(graph: str) -> None:
    assert graph_shingles(graph, 10) is None
    rule = build(GRAPH)
    rule.add("broken", NET, graph)
    assert not rule.judge("new", BASE, graph).novel


def test_a_network_without_a_graph_is_compared_by_its_statements() -> None:
    rule = build(GRAPH)
    rule.add(candidate_id(NET), NET, traced(NET))
    renamed = rule.judge("new", SAME["an attribute renamed"], None)
    assert (renamed.novel, renamed.max_jaccard) == (False, 1.0)
    assert rule.judge("new", OTHER["a kernel"], None).novel


def test_a_known_network_without_a_graph_is_compared_by_its_statements() -> None:
    rule = build(GRAPH)
    rule.add(candidate_id(NET), NET, None)
    assert rule.judge("new", SAME["a class renamed"], traced(NET)).nearest == candidate_id(NET)
    assert not rule.judge("new", SAME["a class renamed"], traced(NET)).novel
    assert rule.judge("new", OTHER["a kernel"], traced(OTHER["a kernel"])).novel


def test_surroundings_that_repeat_count_as_often_as_they_come() -> None:
    one, two = (json.dumps([["input", "", [1], []], *[["relu", "", [1], [0]]] * count]) for count in (1, 2))
    assert len(set(graph_shingles(one, 1) or [])) == 4
    assert len(set(graph_shingles(two, 1) or [])) == 6
