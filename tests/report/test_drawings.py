"""Operator graphs made ready to be drawn."""

import json
from typing import Any

import pytest

from nnloop.report.drawings import MOST_UNITS, Drawing, draw, matches

INPUT = ["input", "", [2, 3, 8, 8], []]


def conv(source: int, out: int, inside: int, more: str = "None,[1,1],[1,1],[1,1],False,[0,0],1") -> list[Any]:
    return ["convolution", f"[*,wx{out}x{inside}x3x3,{more}]", [2, out, 8, 8], [source]]


def norm(source: int, width: int) -> list[Any]:
    weights = ",".join([f"wx{width}"] * 4)
    return ["native_batch_norm", f"[*,{weights},True,0.1,1e-05]", [2, width, 8, 8], [source]]


def relu(source: int, width: int) -> list[Any]:
    return ["relu", "[*]", [2, width, 8, 8], [source]]


RESIDUAL = [
    INPUT,
    conv(0, 4, 3),
    norm(1, 4),
    relu(2, 4),
    conv(3, 4, 4),
    norm(4, 4),
    ["add", "[*,*]", [2, 4, 8, 8], [5, 3]],
    relu(6, 4),
    ["mean", "[*,[2,3]]", [2, 4], [7]],
    ["t", "[wx10x4]", [4, 10], []],
    ["addmm", "[wx10,*,*]", [2, 10], [8, 9]],
]


def drawing(rows: list[Any]) -> Drawing:
    drawn = draw(json.dumps(rows))
    assert drawn is not None
    return drawn


def test_light_operators_belong_to_the_unit_before_them() -> None:
    labels = [unit.label for unit in drawing(RESIDUAL).units]
    conv_unit = "conv 3×3, 4 · batch norm"
    assert labels == ["input", f"{conv_unit} · relu", conv_unit, "add · relu · mean", "linear, 10"]


def test_parameters_and_flops_are_counted_by_unit() -> None:
    units = drawing(RESIDUAL).units
    assert [unit.params for unit in units] == [0, 4 * 3 * 9 + 8, 4 * 4 * 9 + 8, 0, 4 * 10 + 10]
    assert [unit.flops for unit in units] == [0, 2 * 64 * 4 * 27, 2 * 64 * 4 * 36, 0, 2 * 10 * 4]
    assert [unit.shape for unit in units][-1] == [10]


def test_a_stretch_with_branches_is_a_block() -> None:
    drawn = drawing(RESIDUAL)
    assert drawn.blocks == [(2, 3)]
    assert [unit.block for unit in drawn.units] == [-1, -1, 0, 0, -1]


def test_weights_that_are_shared_count_once() -> None:
    first, second = conv(0, 3, 3), conv(1, 3, 3)
    second[1] = second[1].replace("wx3x3x3x3", "wx3x3x3x3=")
    assert [unit.params for unit in drawing([INPUT, first, second]).units] == [0, 81, 0]


@pytest.mark.parametrize(
    ("more", "label"),
    [
        ("None,[2,2],[1,1],[1,1],False,[0,0],1", "conv 3×3, 4, stride 2"),
        ("wx4,[1,1],[2,2],[2,2],False,[0,0],1", "conv 3×3, 4, dilation 2"),
        ("None,[1,1],[1,1],[1,1],False,[0,0],2", "conv 3×3, 4, 2 groups"),
    ],
)
def test_a_convolution_is_named_in_words(more: str, label: str) -> None:
    assert drawing([INPUT, conv(0, 4, 3, more)]).units[1].label == label


def test_a_depthwise_convolution_is_named_so() -> None:
    row = conv(0, 3, 1, "None,[1,1],[1,1],[1,1],False,[0,0],3")
    assert drawing([INPUT, row]).units[1].label == "depthwise conv 3×3, 3"


def test_what_was_added_and_changed_is_matched_in_order() -> None:
    wider = [INPUT, conv(0, 4, 3), conv(1, 8, 4), conv(2, 8, 8), ["relu", "[*]", [2, 8, 8, 8], [3]]]
    narrow = [INPUT, conv(0, 4, 3), conv(1, 6, 4)]
    assert matches(drawing(narrow), drawing(wider)) == [0, 1, 2, -1]
    assert matches(drawing(RESIDUAL), drawing(RESIDUAL)) == list(range(5))


@pytest.mark.parametrize(
    "graph",
    ["", "[]", "{}", "[1]", '[["a", "", [1], [0]]]', '[["a", "", [1], []], ["b", "", [1], [5]]]', "[" * 9999],
)
def test_a_graph_that_is_none_is_not_drawn(graph: str) -> None:
    assert draw(graph) is None


def test_a_huge_graph_is_not_drawn() -> None:
    rows = [INPUT, *(conv(at, 3, 3) for at in range(MOST_UNITS))]
    assert draw(json.dumps(rows)) is None
    assert draw(json.dumps(rows[:-1])) is not None
