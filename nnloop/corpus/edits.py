"""Structural edits of a network: random, local, and always such that the result builds at every image size.

That holds by construction for modules in the idiom of the seeds (layout.py), not for any code. Growth is bounded: an
edit whose result exceeds the limits below is tried again, unless it makes a network smaller that exceeds them already.
"""

import ast
import functools
import random
from collections.abc import Callable

from nnloop.corpus import parameters, seeds, structure
from nnloop.corpus.layout import Layout

LIMITS = (16, 100, 400_000, 100_000_000)
"""Elements, columns, and estimates of parameters and of multiply-adds for one 32x32 image."""

Operator = Callable[[Layout, random.Random], str | None]
"""An edit of a module, which returns the new source, or None if nothing in the module can be edited so."""

OPERATORS: dict[str, Operator] = {
    "width": parameters.width,
    "kernel": parameters.kernel,
    "stride": parameters.stride,
    "parameter": parameters.parameter,
    "activation": parameters.activation,
    "normalisation": parameters.normalisation,
    "dropout": parameters.dropout,
    "head": parameters.head,
    "insertion": structure.insertion,
    "removal": structure.removal,
    "duplication": structure.duplication,
    "skip": structure.skip,
    "pooling": structure.pooling,
    "attention": structure.attention,
    "branch": structure.branch,
}


def random_edit(source: str, rng: random.Random, tries: int = 50) -> str:
    """Make one edit by an operator chosen at random. Raises ValueError if the source is not in the idiom."""
    for _ in range(tries):
        code = apply_operator(rng.choice(list(OPERATORS)), source, rng)
        if code is not None:
            return code
    raise ValueError(f"no operator applies in {tries} tries")


def apply_operator(name: str, source: str, rng: random.Random) -> str | None:
    """Make one edit by the named operator; None if it can't be made, or its result exceeds the limits."""
    layout = _parsed(source)
    code = OPERATORS[name](layout, rng)
    if code is None or code == source:
        return None
    sizes = zip(_size(code), _size(source), LIMITS, strict=True)
    small = all(new <= max(limit, old) for new, old, limit in sizes)
    return code if small else None


def mutate(source: str, rng: random.Random, edits: int) -> str:
    """Make `edits` random edits, each on the result of the one before."""
    for _ in range(edits):
        source = random_edit(source, rng)
    return source


def random_network(rng: random.Random, max_edits: int = 10) -> str:
    """Sample a seed network and make 0 up to `max_edits` edits of it."""
    return mutate(rng.choice(seeds()).code, rng, rng.randint(0, max_edits))


@functools.lru_cache(maxsize=256)
def _parsed(source: str) -> Layout:
    return Layout(source)


@functools.lru_cache(maxsize=256)
def _size(source: str) -> tuple[int, int, int, int]:
    """Return the four sizes that LIMITS bounds; the last two are upper estimates."""
    layout = _parsed(source)
    columns = max(len(line) for line in layout.source.splitlines())
    params = operations = 0
    channels, area = 3, 32 * 32
    for element in layout.elements[: layout.head]:
        for block in layout.blocks([element]):
            width = layout.number(block, "c", 0)
            if width:
                weights = _weights(layout, block, channels=channels, width=width)
                params, operations, channels = params + weights, operations + weights * area, width
        if "Pool2d(2" in layout.text(element) or _strides(layout, element):
            area = max(1, area // 4)
    return len(layout.elements), columns, params, operations


def _weights(layout: Layout, block: ast.Call, *, channels: int, width: int) -> int:
    """Estimate a block's weights: dense, or pointwise and depthwise if its class uses `groups`."""
    kernel, expansion, copies = (layout.number(block, name, 1) for name in ("k", "e", "n"))
    if "groups=" in layout.text(layout.classes[layout.name(block)]):
        return width * expansion * (channels + width + kernel**2)
    return channels * width * kernel**2 * expansion * copies


def _strides(layout: Layout, element: ast.expr) -> bool:
    return isinstance(element, ast.Call) and any(
        layout.number(block, "s", 1) == 2 for block in layout.blocks([element])
    )
