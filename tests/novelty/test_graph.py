"""The graph rule: the changes of a network that it sees, and the changes that it does not."""

import json

import pytest
from edits import BASE
from graphs import NET, OTHER, SAME, likeness, traced

from nnloop.novelty import build
from nnloop.novelty.graph import graph_shingles
from nnloop.records import candidate_id
from nnloop.settings import MinHashSettings

GRAPH = MinHashSettings("graph", "graph", 10, 256, 0.85, 0.9)


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


def test_a_width_in_a_long_network_is_novel() -> None:
    """Ten blocks more on either side: the surroundings of one layer are still a tenth of the network."""
    long = NET.replace("x = self.first(x)", "x = self.more(self.first(x))").replace(
        "self.drop =", "self.more = nn.Sequential(*[Block(16, 16) for _ in range(20)])\n        self.drop ="
    )
    wider = long.replace(
        "for _ in range(20)]", "for _ in range(10)], Block(16, 24), Block(24, 16), *[Block(16, 16) for _ in range(8)]"
    )
    assert likeness(traced(long), traced(wider)) < 0.9


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
