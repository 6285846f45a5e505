"""Operators (corpus.edits) that add, remove, move or wrap whole elements."""

import ast
import random

from nnloop.corpus.layout import Change, Layout
from nnloop.corpus.library import BLOCKS, GATES, helper_classes
from nnloop.corpus.parameters import ACTIVATIONS, KERNELS, WIDTHS

POOLINGS = ("nn.MaxPool2d(2, ceil_mode=True)", "nn.AvgPool2d(2, ceil_mode=True)")
WRAPPERS = ("Residual", "Drop")


def insertion(layout: Layout, rng: random.Random) -> str | None:
    """Add a block, mostly of a kind that the file has."""
    known = [name for name in layout.classes if next(iter(layout.signature(name)), "") == "c"]
    name = rng.choice(known) if known and rng.random() < 0.85 else rng.choice(BLOCKS)
    widths = [layout.number(block, "c", 32) for block in layout.blocks()] or [32]
    block = f"{name}({rng.choice([*widths, rng.choice(WIDTHS)])}"
    if name in known and "act" in layout.signature(name) and rng.random() < 0.15:
        block += f", act=nn.{rng.choice(ACTIVATIONS)}"
    index = rng.randint(min(1, layout.head), layout.head)
    return layout.apply(layout.insert(index, f"{block})"), *_needed(layout, name))


def removal(layout: Layout, rng: random.Random) -> str | None:
    """Remove a block; at least one stays."""
    blocks = _blocks(layout)
    return layout.apply(layout.remove(rng.choice(blocks))) if len(blocks) > 1 else None


def duplication(layout: Layout, rng: random.Random) -> str | None:
    """Repeat a block behind itself."""
    blocks = _blocks(layout)
    if not blocks:
        return None
    index = rng.choice(blocks)
    return layout.apply(layout.insert(index + 1, layout.text(layout.elements[index])))


def skip(layout: Layout, rng: random.Random) -> str | None:
    """Wrap a block in a residual connection, put one behind a block, or unwrap one."""
    wrapped = [i for i in _blocks(layout) if layout.name(layout.elements[i]) in WRAPPERS]
    if wrapped and rng.random() < 0.3:
        index = rng.choice(wrapped)
        element = layout.elements[index]
        assert isinstance(element, ast.Call)
        return layout.apply(layout.remove(index), layout.insert(index + 1, *map(layout.text, element.args)))
    plain = [i for i in _blocks(layout) if layout.name(layout.elements[i]) not in WRAPPERS]
    if not plain:
        return None
    index = rng.choice(plain)
    text = layout.text(layout.elements[index])
    if _keeps_shape(layout, index):
        return layout.apply(layout.replace(layout.elements[index], f"Residual({text})"), *_needed(layout, "Residual"))
    name = layout.name(layout.elements[index])
    inner = f"{name}({layout.number(layout.elements[index], 'c', 32)})" if _takes_width(layout, name) else text  # type: ignore[arg-type]
    body = f"{inner}, {inner}" if rng.random() < 0.3 else inner
    return layout.apply(layout.insert(index + 1, f"Residual({body})"), *_needed(layout, "Residual"))


def pooling(layout: Layout, rng: random.Random) -> str | None:
    """Add a pooling, remove or move one, or change its kind."""
    present = [i for i, element in enumerate(layout.elements) if layout.text(element) in POOLINGS]
    if not present or (len(present) < 3 and rng.random() < 0.3):
        return layout.apply(layout.insert(rng.randint(min(1, layout.head), layout.head), rng.choice(POOLINGS)))
    index = rng.choice(present)
    text = layout.text(layout.elements[index])
    change = rng.random()
    if change < 0.4:
        return layout.apply(layout.replace(layout.elements[index], POOLINGS[text == POOLINGS[0]]))
    if change < 0.7:
        return layout.apply(layout.remove(index))
    places = [place for place in range(1, layout.head + 1) if place not in (index, index + 1)]
    return layout.apply(layout.remove(index), layout.insert(rng.choice(places), text)) if places else None


def attention(layout: Layout, rng: random.Random) -> str | None:
    """Add a gate behind a block, or remove one."""
    present = [i for i, element in enumerate(layout.elements[: layout.head]) if layout.name(element) in GATES]
    if present and rng.random() < 0.35:
        return layout.apply(layout.remove(rng.choice(present)))
    known = [name for name in GATES if name in layout.classes]
    name = rng.choice(known) if known and rng.random() < 0.7 else rng.choice(GATES)
    text = f"{name}()" if rng.random() < 0.7 else f"{name}({rng.choice(KERNELS[1:])})"
    blocks = _blocks(layout)
    if not blocks:
        return None
    return layout.apply(layout.insert(rng.choice(blocks) + 1, text), *_needed(layout, name))


def branch(layout: Layout, rng: random.Random) -> str | None:
    """Split a block into parallel paths whose channels are concatenated, or change such paths."""
    cats = [i for i in _blocks(layout) if layout.name(layout.elements[i]) == "Cat"]
    if cats and rng.random() < 0.5:
        return _branches(layout, rng.choice(cats), rng)
    plain = [i for i in _blocks(layout) if _takes_width(layout, layout.name(layout.elements[i]))]
    if not plain:
        return None
    block = layout.elements[rng.choice(plain)]
    assert isinstance(block, ast.Call)
    half = max(16, layout.number(block, "c", 32) // 16 * 8)
    narrow = layout.apply(layout.replace(block.args[0], str(half)))
    other = Layout(narrow)
    first = other.elements[layout.elements.index(block)]
    assert isinstance(first, ast.Call)
    second = _varied(other, first, rng)
    return other.apply(other.replace(first, f"Cat({other.text(first)}, {second})"), *_needed(other, "Cat"))


def _branches(layout: Layout, index: int, rng: random.Random) -> str | None:
    """Add a path to a concatenation, drop one, or keep only one."""
    cat = layout.elements[index]
    assert isinstance(cat, ast.Call)
    paths = list(cat.args)
    texts = [layout.text(path) for path in paths]
    if len(paths) > 2 and rng.random() < 0.5:
        texts.pop(rng.randrange(len(texts)))
        return layout.apply(layout.replace(cat, f"Cat({', '.join(texts)})"))
    if rng.random() < 0.3:
        return layout.apply(layout.replace(cat, rng.choice(texts)))
    path = rng.choice(paths)
    if len(paths) > 3 or not isinstance(path, ast.Call) or not _takes_width(layout, layout.name(path)):
        return None
    return layout.apply(layout.replace(cat, f"Cat({', '.join([*texts, _varied(layout, path, rng)])})"))


def _varied(layout: Layout, block: ast.Call, rng: random.Random) -> str:
    """Return the text of a block, with another kernel if it has one; odd kernels keep the paths' sizes equal."""
    text = layout.text(block)
    if "k" not in layout.signature(layout.name(block)):
        return text
    kernel = rng.choice([k for k in KERNELS if k != layout.number(block, "k", 3)])
    return _inside(text, layout.set_argument(block, "k", str(kernel)), layout.replace(block, "").start)


def _inside(text: str, change: Change, start: int) -> str:
    return text[: change.start - start] + change.text + text[change.end - start :]


def _blocks(layout: Layout) -> list[int]:
    """List the indices of this file's blocks and of convolutions before the head."""
    return [
        i
        for i, element in enumerate(layout.elements[: layout.head])
        if (layout.name(element) in layout.classes and layout.name(element) not in GATES)
        or (layout.name(element) == "nn.LazyConv2d" and "out_shape" not in layout.text(element))
    ]


def _takes_width(layout: Layout, name: str) -> bool:
    return name in layout.classes and next(iter(layout.signature(name)), "") == "c"


def _keeps_shape(layout: Layout, index: int) -> bool:
    """Tell whether a block keeps the channels and the size of its input, as far as its neighbours show."""
    block = layout.elements[index]
    assert isinstance(block, ast.Call)
    if not _takes_width(layout, layout.name(block)) or layout.number(block, "s", 1) != 1:
        return False
    for before in reversed(layout.elements[:index]):
        widths = [layout.number(call, "c", 0) for call in layout.blocks([before])]
        if widths := [width for width in widths if width]:
            return widths[-1] == layout.number(block, "c", 0)
    return False


def _needed(layout: Layout, name: str) -> list[Change]:
    return [] if name in layout.classes else layout.add_class(helper_classes()[name])
