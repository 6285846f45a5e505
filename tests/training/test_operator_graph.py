"""A trace of a network: its operators, the same for any seed, or none."""

import json

import pytest
import torch
from edits import seed_sources
from graphs import NET, made, traced

from nnloop.training import operator_graph as tracing
from nnloop.training.operator_graph import trace


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
