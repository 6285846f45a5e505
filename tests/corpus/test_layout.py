"""The layout of a network's text: parts are found, and changes touch nothing else."""

import ast

import pytest

from nnloop.corpus.layout import Layout

NET = """\
from torch import nn


class Conv(nn.Sequential):
    def __init__(self, c, k=3, s=1, act=nn.ReLU):
        super().__init__(nn.LazyConv2d(c, k, s, k // 2), act())


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.net = nn.Sequential(
            Conv(32),  # é
            Conv(64, s=2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.LazyLinear(out_shape[0]),
        )
"""


@pytest.fixture
def layout() -> Layout:
    return Layout(NET)


def call(layout: Layout, index: int) -> ast.Call:
    element = layout.elements[index]
    assert isinstance(element, ast.Call)
    return element


def test_elements_blocks_and_head_are_found(layout: Layout) -> None:
    assert [layout.name(element) for element in layout.elements] == [
        "Conv",
        "Conv",
        "nn.AdaptiveAvgPool2d",
        "nn.Flatten",
        "nn.LazyLinear",
    ]
    assert layout.head == 2
    assert [layout.text(block) for block in layout.blocks()] == ["Conv(32)", "Conv(64, s=2)"]


def test_the_head_begins_where_a_map_becomes_a_vector() -> None:
    assert Layout(NET.replace("nn.AdaptiveAvgPool2d(1), ", "")).head == 2
    assert Layout(NET.replace("nn.AdaptiveAvgPool2d(1), nn.Flatten(),", "nn.MaxPool2d(2), nn.Flatten(),")).head == 3
    assert Layout(NET.replace("Conv(64, s=2)", "nn.LazyConv2d(out_shape[0], 1)")).head == 1


def test_parameters_are_read_by_position_keyword_and_default(layout: Layout) -> None:
    first, second = call(layout, 0), call(layout, 1)
    assert [layout.number(first, name, -1) for name in "cksx"] == [32, 3, 1, -1]
    assert [layout.number(second, name, -1) for name in "cks"] == [64, 3, 2]
    assert layout.text(layout.argument(first, "act") or first) == "nn.ReLU"


def test_an_argument_is_set_in_its_place_or_behind_the_others(layout: Layout) -> None:
    first, second = call(layout, 0), call(layout, 1)
    assert layout.apply(layout.set_argument(first, "c", "48")) == NET.replace("Conv(32)", "Conv(48)")
    assert layout.apply(layout.set_argument(first, "k", "5")) == NET.replace("Conv(32)", "Conv(32, 5)")
    assert layout.apply(layout.set_argument(first, "s", "2")) == NET.replace("Conv(32)", "Conv(32, s=2)")
    assert layout.apply(layout.set_argument(second, "s", "1")) == NET.replace("s=2", "s=1")
    assert layout.apply(layout.set_argument(second, "k", "5")) == NET.replace("s=2", "s=2, k=5")


def test_elements_are_put_in_and_taken_out_with_their_lines(layout: Layout) -> None:
    assert layout.apply(layout.insert(1, "A()", "B()")) == NET.replace(
        "            Conv(64", "            A(),\n            B(),\n            Conv(64"
    )
    assert layout.apply(layout.insert(3, "A()")) == NET.replace("nn.Flatten()", "A(), nn.Flatten()")
    assert layout.apply(layout.remove(1)) == NET.replace("            Conv(64, s=2),\n", "")
    assert layout.apply(layout.remove(2)) == NET.replace("nn.AdaptiveAvgPool2d(1), ", "")


def test_changes_are_made_together_and_in_their_order(layout: Layout) -> None:
    changes = [layout.replace(layout.elements[0], "A()"), layout.insert(1, "B()"), layout.insert(1, "C()")]
    lines = layout.apply(*changes).split("\n")
    assert [line.strip() for line in lines if "(" in line and len(line.strip()) < 12] == ["A(),  # é", "B(),", "C(),"]


def test_a_class_comes_before_net_with_its_import(layout: Layout) -> None:
    text = "class Cat(nn.Module):\n    x = torch.cat"
    code = layout.apply(*layout.add_class(text))
    assert code.startswith("import torch\nfrom torch import nn\n")
    assert f"{text}\n\n\nclass Net" in code
    ast.parse(code)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def", "no Python"),
        ("x = 1", "no class Net"),
        ("class Net:\n    pass\n", "no nn.Sequential"),
        (NET.replace("nn.Sequential(", "nn.ModuleList("), "no nn.Sequential"),
    ],
)
def test_a_source_outside_the_idiom_is_refused(source: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Layout(source)
