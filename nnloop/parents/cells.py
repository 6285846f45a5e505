"""MAP-Elites: cells spanned by descriptors of a network, each with its most accurate network.

| descriptor | value of a cell |
|---|---|
| params | the power of two below the number of parameters |
| depth | layers with weights as written in the source, helper classes counted where they are used, by threes |
| accuracy | validation accuracy by steps of 5 points |
| family | ingredients of the source: attention, concatenation, convolution, dilation, gating, groups, residual |
"""

import ast
import functools
from collections.abc import Iterable, Sequence

from nnloop.patching import syntax
from nnloop.records import Network

Cell = tuple[int | str | None, ...]

# fmt: off
_WEIGHTED = frozenset([
    "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "GRU", "LSTM",
    "Linear", "MultiheadAttention", "RNN",
])
# fmt: on


def elites(networks: Iterable[Network], descriptors: Sequence[str]) -> dict[Cell, Network]:
    """Return the most accurate network of every cell that is filled; of equals the first."""
    best: dict[Cell, Network] = {}
    for network in networks:
        key = cell(network, descriptors)
        if key not in best or network.worth > best[key].worth:
            best[key] = network
    return best


def cell(network: Network, descriptors: Sequence[str]) -> Cell:
    """Return the cell of a network; None stands for a value that is not known."""
    return tuple(_describe(network, descriptor) for descriptor in descriptors)


def _describe(network: Network, descriptor: str) -> int | str | None:
    if descriptor == "params":
        return None if network.params is None else network.params.bit_length()
    if descriptor == "accuracy":
        return None if network.val_accuracy is None else int(network.val_accuracy * 20)
    if descriptor == "depth":
        return depth(network.code) // 3
    return family(network.code)


@functools.lru_cache(maxsize=8192)
def depth(code: str) -> int:
    """Count the layers with weights in the source of `Net`; a loop's body counts once."""
    classes = _classes(code)
    return _layers("Net", classes, frozenset()) if "Net" in classes else 0


@functools.lru_cache(maxsize=8192)
def family(code: str) -> str:
    """Name the ingredients of `Net` and the classes that it uses, such as convolution+residual."""
    classes = _classes(code)
    nodes = [node for name in _used("Net", classes) for node in ast.walk(classes[name])]
    forwards = [
        inner
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.name == "forward"
        for inner in ast.walk(node)
    ]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    names = {_name(call.func) for call in calls}
    keywords = {word.arg for call in calls for word in call.keywords if not _is_one(word.value)}
    operators = {type(node.op) for node in forwards if isinstance(node, ast.BinOp)}
    traits = {
        "attention": bool(names & {"MultiheadAttention", "scaled_dot_product_attention", "softmax", "Softmax"}),
        "concatenation": bool(names & {"cat", "concat"}),
        "convolution": any(name.startswith("Conv") for name in names),
        "dilation": "dilation" in keywords,
        "gating": ast.Mult in operators,
        "groups": "groups" in keywords,
        "residual": ast.Add in operators,
    }
    return "+".join(name for name, there in traits.items() if there) or "plain"


def _classes(code: str) -> dict[str, ast.ClassDef]:
    try:
        tree = syntax.parse(code)
    except SyntaxError:
        return {}
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _layers(name: str, classes: dict[str, ast.ClassDef], inside: frozenset[str]) -> int:
    """Count the layers of a class; a class that uses itself is counted once."""
    if name in inside:
        return 0
    calls = [_name(node.func) for node in ast.walk(classes[name]) if isinstance(node, ast.Call)]
    own = sum(call in _WEIGHTED for call in calls)
    return own + sum(_layers(call, classes, inside | {name}) for call in calls if call in classes)


def _used(name: str, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Return the names of a class and of all classes that it uses, directly or not."""
    used: set[str] = set()
    waiting = [name] if name in classes else []
    while waiting:
        name = waiting.pop()
        used.add(name)
        mentioned = {node.id for node in ast.walk(classes[name]) if isinstance(node, ast.Name)}
        waiting += [other for other in sorted(mentioned & classes.keys()) if other not in used]
    return used


def _name(function: ast.expr) -> str:
    """Return the last part of a called name, without the prefix Lazy."""
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return str(name).removeprefix("Lazy")


def _is_one(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value == 1
