"""Choose few of many networks: no exact, structural or near duplicates, and no family with more than its share."""

import ast
import hashlib
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

NEAR = 0.9
"""Share of lines, numbers and texts masked, that two networks of a family may have in common at most."""


@dataclass(frozen=True, slots=True)
class Source:
    """One network of LEMUR's; `accuracy` is a fraction, the best of its trials of the kind asked for."""

    name: str
    code: str
    accuracy: float

    @property
    def family(self) -> str:
        return self.name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Limits:
    networks: int
    family_share: float  # of them that one family may have at most
    min_accuracy: float
    max_chars: int  # of a source


def curate(sources: Iterable[Source], limits: Limits) -> list[Source]:
    """Choose the networks, sorted by name. The same sources and limits give the same choice.

    Of networks that are one but for numbers and texts, the most accurate stays. Families then take turns, and each
    gives its networks in an order that has nothing to do with their accuracy.
    """
    distinct = _distinct(source for source in sources if source.accuracy >= limits.min_accuracy)
    families: dict[str, list[tuple[Source, frozenset[str]]]] = defaultdict(list)
    for source, lines in distinct:
        if len(source.code) <= limits.max_chars:
            families[source.family].append((source, lines))
    cap = math.ceil(limits.family_share * limits.networks)
    turns = [_unlike(sorted(family, key=_drawn), cap) for _, family in sorted(families.items())]
    return sorted(_in_turn(turns, limits.networks), key=lambda source: source.name)


def _distinct(sources: Iterable[Source]) -> Iterator[tuple[Source, frozenset[str]]]:
    """Yield the most accurate network of each shape, with its masked lines; what is no Python is left out."""
    seen: set[str] = set()
    for source in sorted(sources, key=lambda source: (-source.accuracy, source.name)):
        masked = _masked(source.code)
        if masked is not None and masked not in seen:
            seen.add(masked)
            yield source, frozenset(masked.split("\n"))


def _masked(code: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.unparse(_Mask().visit(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Mask(ast.NodeTransformer):
    """Replace numbers and texts, and drop what stands for itself: docstrings, above all."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return node if node.value is None or isinstance(node.value, bool) else ast.Constant(0)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant(0)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)


def _drawn(item: tuple[Source, frozenset[str]]) -> bytes:
    return hashlib.sha256(item[0].name.encode()).digest()


def _unlike(family: Sequence[tuple[Source, frozenset[str]]], cap: int) -> Iterator[Source]:
    """Yield up to `cap` networks of a family, none near to one before."""
    kept: list[frozenset[str]] = []
    for source, lines in family:
        if len(kept) == cap:
            return
        if all(len(lines & other) < NEAR * len(lines | other) for other in kept):
            kept.append(lines)
            yield source


def _in_turn(turns: list[Iterator[Source]], count: int) -> list[Source]:
    chosen: list[Source] = []
    while turns and len(chosen) < count:
        for turn in list(turns):
            source = next(turn, None)
            if source is None:
                turns.remove(turn)
            elif len(chosen) < count:
                chosen.append(source)
    return chosen
