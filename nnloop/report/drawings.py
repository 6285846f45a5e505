"""A network's operator graph made ready to be drawn: operators in units, units in blocks, each with its costs.

The graph is the JSON of `training.operator_graph`, which the candidate's own process wrote: nothing here trusts it. An
operator with weights, a pool or a join begins a unit; the norms, activations and views that follow it in a chain belong
to it. A block is a stretch of units between two places that every path goes through.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

MOST_UNITS = 600
"""Graphs of more units are not drawn: nobody could read them."""

_WEIGHT = re.compile(r"w((?:x\d+)*)(=?)(?=[,\]]|$)")
_CONVOLUTION = re.compile(r"\[([\d,]+)\],\[[-\d,]+\],\[([\d,]+)\],(True|False),\[[\d,]*\],(\d+)")
_NAMES = {
    "_adaptive_avg_pool2d": "average to size",
    "adaptive_max_pool2d": "max to size",
    "avg_pool2d": "average pool",
    "cat": "concatenate",
    "empty_like": "dropout mask",
    "hardtanh": "clamp",
    "max_pool2d_with_indices": "max pool",
    "native_dropout": "dropout",
    "native_group_norm": "group norm",
    "native_layer_norm": "layer norm",
}
_NORMS = ("batch_norm", "layer_norm", "group_norm")
_HEAVY = ("conv", "linear", "product", "attention", "pool", "to size", "concatenate", "input")
_MULTIPLY = frozenset({"addmm", "mm", "bmm", "baddbmm", "matmul"})


@dataclass(slots=True)
class Unit:
    """An operator with the light ones behind it; costs are for one image, multiply-adds counted as two."""

    label: str
    shape: list[int]  # of the result of one image
    inputs: list[int]  # places of earlier units
    params: int = 0
    flops: int = 0
    block: int = -1  # place of its block; -1: it stands in none


@dataclass(frozen=True, slots=True)
class Drawing:
    """A network's units in the order of their execution, and the blocks as first and last unit."""

    units: list[Unit]
    blocks: list[tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """Return the drawing as lists, in the order of the records' fields."""
        units = [[one.label, one.shape, one.inputs, one.params, one.flops, one.block] for one in self.units]
        return {"units": units, "blocks": [list(block) for block in self.blocks]}


@dataclass(slots=True)
class _Node:
    """One operator, with the constants that it reads taken in."""

    name: str
    text: str
    shape: list[int]
    inputs: list[int]
    params: int = 0
    weights: list[list[int]] = field(default_factory=list)


def draw(graph: str) -> Drawing | None:
    """Return the drawing of a graph; None if it is malformed, empty or too large."""
    try:
        nodes = [_node(*row) for row in json.loads(graph)]
        if not nodes or any(place not in range(at) for at, node in enumerate(nodes) for place in node.inputs):
            return None
        units = _units(nodes)
    except (ValueError, TypeError, RecursionError, OverflowError):
        return None
    if len(units) > MOST_UNITS:
        return None
    blocks = _blocks(units)
    for number, (first, last) in enumerate(blocks):
        for unit in units[first : last + 1]:
            unit.block = number
    return Drawing(units, blocks)


def matches(old: Drawing, new: Drawing) -> list[int]:
    """Return for each unit of `new` the place of the unit in `old` that it continues, -1 for one that was added.

    The order of both is kept. Equal units find each other first, then those of equal labels, then of equal operators.
    """
    pairs = [-1] * len(new.units)
    keys = (
        lambda unit: (unit.label, unit.params, unit.shape),
        lambda unit: unit.label,
        lambda unit: re.sub(r"[\d×]+", "", unit.label.partition(" · ")[0]).partition(",")[0],
    )

    def align(span: tuple[int, int, int, int], level: int) -> None:
        low, high, new_low, new_high = span
        if level == len(keys) or low == high or new_low == new_high:
            return
        before = [str(keys[level](unit)) for unit in old.units[low:high]]
        after = [str(keys[level](unit)) for unit in new.units[new_low:new_high]]
        for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "equal":
                pairs[new_low + c : new_low + d] = range(low + a, low + b)
            else:
                align((low + a, low + b, new_low + c, new_low + d), level + 1)

    align((0, len(old.units), 0, len(new.units)), 0)
    return pairs


def _node(name: object, text: object, shape: Sequence[int], inputs: Sequence[int]) -> _Node:
    """Check a row of the graph. Raises ValueError, TypeError."""
    sizes, places = [int(size) for size in shape], [int(place) for place in inputs]
    if len(sizes) > 16 or any(not 0 <= size < 1 << 40 for size in sizes):
        raise ValueError("no shape")
    weights, params = [], 0
    for dims, again in _WEIGHT.findall(str(text)):
        weights.append([int(size) for size in dims.split("x")[1:]])
        params += 0 if again else math.prod(weights[-1])
    if "batch_norm" in str(name):  # the running mean and variance are no parameters
        params = sum(math.prod(weight) for weight in weights[:2])
    return _Node(str(name)[:60], str(text), shape=sizes, inputs=places, params=params, weights=weights)


def _units(nodes: list[_Node]) -> list[Unit]:
    batch = max(1, nodes[0].shape[0] if nodes[0].shape else 1)
    readers = Counter(place for node in nodes for place in set(node.inputs))
    units: list[Unit] = []
    place: dict[int, int] = {}  # of nodes, in units
    last: dict[int, int] = {}  # of units, their last node
    words: list[list[str]] = []
    for at, node in enumerate(nodes):
        inputs = list(dict.fromkeys(place[one] for one in node.inputs if one in place))
        constants = [nodes[one] for one in node.inputs if one not in place]
        for constant in constants:
            node.params += constant.params
            node.weights += constant.weights
            constant.params = 0
        if at and not inputs:
            continue  # made of weights and numbers alone: its readers take it in
        if node.name == "item" and len(inputs) == 1:
            place[at] = inputs[0]
            last[inputs[0]] = at if last[inputs[0]] == node.inputs[0] and readers[node.inputs[0]] == 1 else -1
            continue
        label = _label(node)
        light = bool(at) and not any(word in label for word in _HEAVY) and len(node.inputs) - len(constants) == 1
        joined = light and last[inputs[0]] == node.inputs[0] and readers[node.inputs[0]] == 1
        if not joined:
            units.append(Unit("", [], inputs))
            words.append([])
        number = inputs[0] if joined else len(units) - 1
        unit = units[number]
        place[at], last[number] = number, at
        words[number].append(label)
        unit.shape = node.shape[1:] if len(node.shape) > 1 else node.shape
        unit.params += node.params
        unit.flops += _flops(node, [nodes[one] for one in node.inputs]) // batch
    for unit, labels in zip(units, words, strict=True):
        unit.label = " · ".join(_counted(labels))
    return units


def _counted(labels: list[str]) -> list[str]:
    """Write labels that follow each other equally as one, with their number."""
    told: list[tuple[str, int]] = []
    for label in labels:
        if told and told[-1][0] == label:
            told[-1] = (label, told[-1][1] + 1)
        else:
            told.append((label, 1))
    return [label if times == 1 else f"{label} ×{times}" for label, times in told]


def _label(node: _Node) -> str:
    """Name an operator in the words of those who build networks."""
    if node.name == "convolution" and node.weights:
        return _convolution(node)
    if node.name in _MULTIPLY:
        weight = max(node.weights, key=len, default=[])
        return f"linear, {node.shape[-1]}" if len(weight) == 2 and node.shape else "product"
    if "scaled_dot_product" in node.name:
        return "attention"
    if "batch_norm" in node.name:
        return "batch norm"
    name = _NAMES.get(node.name, node.name.strip("_").replace("_", " "))
    window = re.search(r"\[(\d+),(\d+)\]", node.text) if "pool" in name else None
    return f"{name} {window[1]}×{window[2]}" if window else name


def _convolution(node: _Node) -> str:
    out, inside, *kernel = node.weights[0]
    facts = _CONVOLUTION.search(node.text)
    stride, dilation, transposed, groups = facts.groups() if facts else ("1", "1", "False", "1")
    name = "transposed conv" if transposed == "True" else "conv"
    if int(groups) > 1 and inside == 1:
        name = f"depthwise {name}"
    parts = [f"{name} {'×'.join(map(str, kernel))}", str(node.shape[1] if len(node.shape) > 1 else out)]
    parts += [f"stride {stride.split(',')[0]}"] if set(stride) - {"1", ","} else []
    parts += [f"dilation {dilation.split(',')[0]}"] if set(dilation) - {"1", ","} else []
    parts += [f"{groups} groups"] if int(groups) > 1 and inside > 1 else []
    return ", ".join(parts)


def _flops(node: _Node, inputs: Sequence[_Node]) -> int:
    """Return the work of a convolution, a product or an attention over the batch; other operators count as none."""
    results = math.prod(node.shape)
    if node.name == "convolution" and node.weights:
        return 2 * results * math.prod(node.weights[0][1:])
    if node.name in _MULTIPLY:
        first = inputs[-2:-1] or inputs[:1]
        return 2 * results * (first[0].shape[-1] if first and first[0].shape else 1)
    if "scaled_dot_product" in node.name and len(inputs) > 1 and len(inputs[1].shape) > 1:
        return 4 * results * inputs[1].shape[-2]
    return 0


def _blocks(units: list[Unit]) -> list[tuple[int, int]]:
    """Return the stretches with branches: from the first unit behind a place that all paths go through to the next."""
    reach = list(range(len(units)))  # the last reader of each unit
    for at, unit in enumerate(units):
        for place in unit.inputs:
            reach[place] = max(reach[place], at)
    blocks, start, furthest = [], 0, 0
    for at in range(len(units)):
        if at and furthest <= at:  # no edge goes past this unit
            if at - start > 1:
                blocks.append((start + 1, at))
            start = at
        furthest = max(furthest, reach[at])
    return blocks
