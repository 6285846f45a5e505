"""Operators (corpus.edits) that give an element or a helper class another number, activation or normalisation."""

import ast
import random

from nnloop.corpus.layout import ADAPTIVE, Change, Layout

WIDTHS = (16, 24, 32, 40, 48, 64, 80, 96, 128)
"""Multiples of 8: every group count, head count and reduction below divides them."""
LINEAR_WIDTHS = (32, 48, 64, 96, 128, 192, 256)
KERNELS = (1, 3, 5, 7)
RATES = ("0.05", "0.1", "0.2", "0.3", "0.4")
ACTIVATIONS = ("ReLU", "GELU", "SiLU", "LeakyReLU", "ELU", "Hardswish", "Mish", "ReLU6")
OTHERS = {
    "d": (1, 2, 3),
    "e": (1, 2, 3, 4),
    "g": (2, 4, 8),
    "h": (2, 4, 8),
    "n": (2, 3),
    "r": (2, 4, 8),
    "t": (4, 6, 8),
}
"""Dilation, expansion, groups, heads, pieces, reduction, tokens a side."""


def width(layout: Layout, rng: random.Random) -> str | None:
    """Change the output channels of a block or a convolution, or a hidden layer's units."""
    changes = [
        layout.replace(call.args[0], str(_another(WIDTHS, call.args[0], rng)))
        for call in (*layout.blocks(), *layout.elements)
        if isinstance(call, ast.Call) and call.args and _is_int(call.args[0]) and _is_wide(layout, call)
    ]
    changes += [
        layout.replace(element.args[0], str(_another(LINEAR_WIDTHS, element.args[0], rng)))
        for element in layout.elements
        if isinstance(element, ast.Call) and layout.name(element) == "nn.LazyLinear" and _is_int(element.args[0])
    ]
    return _one(layout, changes, rng)


def kernel(layout: Layout, rng: random.Random) -> str | None:
    """Change the kernel of one block, or the default of a helper class."""
    return _one(layout, _parameter_changes(layout, "k", KERNELS, rng=rng), rng)


def stride(layout: Layout, rng: random.Random) -> str | None:
    """Change the stride of one block between 1 and 2, unless another path has to keep the same size."""
    blocks = [element for element in layout.elements[: layout.head] if layout.name(element) in layout.classes]
    changes = [
        layout.set_argument(block, "s", "1" if layout.number(block, "s", 1) == 2 else "2")
        for block in blocks
        if isinstance(block, ast.Call) and "s" in layout.signature(layout.name(block))
    ]
    return _one(layout, changes, rng)


def parameter(layout: Layout, rng: random.Random) -> str | None:
    """Change another number of a block: dilation, expansion, groups, heads, pieces, reduction, tokens."""
    changes = [
        change for name, values in OTHERS.items() for change in _parameter_changes(layout, name, values, rng=rng)
    ]
    return _one(layout, changes, rng)


def activation(layout: Layout, rng: random.Random) -> str | None:
    """Replace an activation, or give one block its own."""
    known = {f"nn.{name}" for name in ACTIVATIONS}
    nodes = [node for node in ast.walk(layout.tree) if isinstance(node, ast.Attribute) and layout.text(node) in known]
    changes = [layout.replace(node, _other_activation(layout.text(node), rng)) for node in nodes]
    for block in layout.blocks():
        if "act" in layout.signature(layout.name(block)):
            default = layout.argument(block, "act")
            changes.append(
                layout.set_argument(block, "act", _other_activation(layout.text(default) if default else "", rng))
            )
    return _one(layout, changes, rng)


def normalisation(layout: Layout, rng: random.Random) -> str | None:
    """Swap the normalisation behind a helper's convolution: batch, group or layer norm, or none."""
    sites = [site for name in layout.classes for site in _norms(layout, name)]
    if not sites:
        return None
    node, channels, divisible = rng.choice(sites)
    options = ["nn.LazyBatchNorm2d()", f"nn.GroupNorm(1, {channels})"]
    options += [f"nn.GroupNorm({groups}, {channels})" for groups in (4, 8) if divisible]
    return layout.apply(layout.replace(node, rng.choice([text for text in options if text != layout.text(node)])))


def dropout(layout: Layout, rng: random.Random) -> str | None:
    """Add a dropout, remove one, or change its rate."""
    present = [i for i, element in enumerate(layout.elements) if layout.name(element).startswith("nn.Dropout")]
    if present and rng.random() < 0.6:
        index = rng.choice(present)
        element = layout.elements[index]
        if isinstance(element, ast.Call) and element.args and rng.random() < 0.5:
            rate = rng.choice([rate for rate in RATES if rate != layout.text(element.args[0])])
            return layout.apply(layout.replace(element.args[0], rate))
        return layout.apply(layout.remove(index))
    if rng.random() < 0.5 and layout.head:
        kind = rng.choice(("nn.Dropout", "nn.Dropout2d"))
        return layout.apply(layout.insert(rng.randint(1, layout.head), f"{kind}({rng.choice(RATES)})"))
    if "out_shape" not in layout.text(layout.elements[-1]):
        return None
    return layout.apply(layout.insert(len(layout.elements) - 1, f"nn.Dropout({rng.choice(RATES)})"))


def head(layout: Layout, rng: random.Random) -> str | None:
    """Change the global pooling or the hidden layer between the features and the classes."""
    elements, last = layout.elements, len(layout.elements) - 1
    if layout.name(elements[last]) != "nn.LazyLinear":
        return None
    changes: list[list[Change]] = []
    pool = elements[layout.head]
    if isinstance(pool, ast.Call) and layout.name(pool) in ADAPTIVE:
        changes.append([layout.replace(pool.func, next(name for name in ADAPTIVE if name != layout.name(pool)))])
        changes.append([layout.replace(pool.args[0], str(_another((1, 2, 3, 4), pool.args[0], rng)))])
    hidden = [i for i in range(layout.head, last) if layout.name(elements[i]) == "nn.LazyLinear"]
    if len(hidden) < 2:
        act = f"nn.{rng.choice(ACTIVATIONS)}()"
        changes.append([layout.insert(last, f"nn.LazyLinear({rng.choice(LINEAR_WIDTHS)})", act)])
    for index in hidden:
        activated = index + 1 < last and layout.name(elements[index + 1]).removeprefix("nn.") in ACTIVATIONS
        changes.append([layout.remove(index), *([layout.remove(index + 1)] if activated else [])])
    return layout.apply(*rng.choice(changes)) if changes else None


def _one(layout: Layout, changes: list[Change], rng: random.Random) -> str | None:
    return layout.apply(rng.choice(changes)) if changes else None


def _is_int(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _is_wide(layout: Layout, call: ast.Call) -> bool:
    """Tell whether the first argument of a call is its output channels."""
    name = layout.name(call)
    return name == "nn.LazyConv2d" or (name in layout.classes and next(iter(layout.signature(name)), "") == "c")


def _another(values: tuple[int, ...], node: ast.expr, rng: random.Random) -> int:
    now = node.value if isinstance(node, ast.Constant) else None
    return rng.choice([value for value in values if value != now])


def _other_activation(now: str, rng: random.Random) -> str:
    return f"nn.{rng.choice([name for name in ACTIVATIONS if f'nn.{name}' != now])}"


def _parameter_changes(layout: Layout, name: str, values: tuple[int, ...], *, rng: random.Random) -> list[Change]:
    """List a change of the parameter for every block that has it, and for every helper's default."""
    changes = []
    for block in layout.blocks():
        now = layout.argument(block, name) if name in layout.signature(layout.name(block)) else None
        if now is not None and _is_int(now):
            changes.append(layout.set_argument(block, name, str(_another(values, now, rng))))
    for helper in layout.classes:
        default = layout.signature(helper).get(name)
        if default is not None and _is_int(default):
            changes.append(layout.replace(default, str(_another(values, default, rng))))
    return changes


def _norms(layout: Layout, name: str) -> list[tuple[ast.Call, str, bool]]:
    """Find the norms behind a convolution of known output: the node, its channels, and whether 8 divides them.

    A file may call its helper with `c // r`, so group counts above 1 are safe only where no call divides.
    """
    divided = any(
        layout.name(call) == name and call.args and "//" in layout.text(call.args[0])
        for call in ast.walk(layout.tree)
        if isinstance(call, ast.Call)
    )
    norms = []
    for call in ast.walk(layout.classes[name]):
        for before, node in zip(call.args, call.args[1:], strict=False) if isinstance(call, ast.Call) else ():
            convolution = isinstance(before, ast.Call) and layout.name(before) in ("nn.LazyConv2d", "nn.Conv2d")
            if (
                convolution
                and isinstance(node, ast.Call)
                and layout.name(node) in ("nn.LazyBatchNorm2d", "nn.GroupNorm")
            ):
                channels = layout.text(before.args[layout.name(before) == "nn.Conv2d"])  # type: ignore[attr-defined]
                if not channels.isdigit() and "out_shape" not in channels:
                    norms.append((node, channels, not divided and "//" not in channels))
    return norms
