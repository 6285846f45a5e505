"""Choose few of many networks: no exact, structural or near duplicates, and no family with more than its share."""

import ast
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from nnloop.patching import syntax
from nnloop.settings import LemurCorpusSettings

NEAR = 0.9
"""The largest share of lines, with numbers and texts masked, that two networks of a family may have in common."""

SCANNED = 2_000
"""Networks of a family among which variants are looked for, at most."""


@dataclass(frozen=True, slots=True)
class RatedSource:
    """A network to choose from; `accuracy` is a fraction, the best of its trials."""

    name: str
    code: str
    accuracy: float
    hp: dict[str, float] = field(default_factory=dict)  # of its best trial whose transform is known here
    transform: str = ""

    @property
    def family(self) -> str:
        """The part of its name before the first dash."""
        return self.name.partition("-")[0]


def curate(sources: Iterable[RatedSource], limits: LemurCorpusSettings) -> list[RatedSource]:
    """Choose the networks, sorted by name. The same sources and settings give the same choice.

    Of networks that differ only in numbers and texts, the most accurate stays. Then one family after the other gives a
    network, in an order that does not depend on accuracy.
    """
    distinct = _distinct(source for source in sources if source.accuracy >= (limits.min_accuracy or 0.0))
    families: dict[str, list[tuple[RatedSource, frozenset[str]]]] = defaultdict(list)
    for source, lines in distinct:
        if len(source.code) <= limits.max_chars:
            families[source.family].append((source, lines))
    cap = math.ceil(limits.family_share * limits.networks)
    turns = [_unlike(sorted(family, key=_shuffle_key), cap) for _, family in sorted(families.items())]
    return sorted(_in_turn(turns, limits.networks), key=lambda source: source.name)


def variants(
    sources: Iterable[RatedSource], chosen: Sequence[RatedSource], limits: LemurCorpusSettings
) -> list[tuple[RatedSource, RatedSource]]:
    """Choose near-equal networks of the chosen ones, which take turns; return each with its chosen network.

    A variant has the family of the chosen network, and at least NEAR of their lines as they stand.
    """
    families: dict[str, list[tuple[RatedSource, frozenset[str]]]] = defaultdict(list)
    names = {source.name for source in chosen}
    for source in sorted(sources, key=lambda source: _shuffle_key((source, frozenset()))):
        fits = source.name not in names and len(source.code) <= limits.max_chars
        if fits and len(families[source.family]) < SCANNED:
            families[source.family].append((source, frozenset(source.code.split("\n"))))
    taken: dict[str, tuple[RatedSource, RatedSource]] = {}
    turns = [(source, _near(source, families[source.family])) for source in chosen]
    while turns and len(taken) < limits.variants:
        for turn in list(turns):
            near = next((one for one in turn[1] if one.name not in taken), None)
            if near is None:
                turns.remove(turn)
            elif len(taken) < limits.variants:
                taken[near.name] = near, turn[0]
    return list(taken.values())


def _near(source: RatedSource, family: Sequence[tuple[RatedSource, frozenset[str]]]) -> Iterator[RatedSource]:
    own = frozenset(source.code.split("\n"))
    return (other for other, lines in family if NEAR * len(own | lines) <= len(own & lines) < len(own | lines))


def _distinct(sources: Iterable[RatedSource]) -> Iterator[tuple[RatedSource, frozenset[str]]]:
    """Yield the most accurate network of each shape, with its masked lines; sources that don't parse are left out."""
    seen: set[str] = set()
    for source in sorted(sources, key=lambda source: (-source.accuracy, source.name)):
        masked = _masked(source.code)
        if masked is not None and masked not in seen:
            seen.add(masked)
            yield source, frozenset(masked.split("\n"))


def _masked(code: str) -> str | None:
    try:
        return ast.unparse(_Mask().visit(syntax.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Mask(ast.NodeTransformer):
    """A transformer that masks numbers and texts, and drops docstrings and other constants that stand alone."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return node if node.value is None or isinstance(node.value, bool) else ast.Constant(0)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant(0)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)


def _shuffle_key(item: tuple[RatedSource, frozenset[str]]) -> bytes:
    return hashlib.sha256(item[0].name.encode()).digest()


def _unlike(family: Sequence[tuple[RatedSource, frozenset[str]]], cap: int) -> Iterator[RatedSource]:
    """Yield up to `cap` networks of a family, none similar to an earlier one."""
    chosen: list[frozenset[str]] = []
    for source, lines in family:
        if len(chosen) == cap:
            return
        if all(len(lines & other) < NEAR * len(lines | other) for other in chosen):
            chosen.append(lines)
            yield source


def _in_turn(turns: list[Iterator[RatedSource]], count: int) -> list[RatedSource]:
    chosen: list[RatedSource] = []
    while turns and len(chosen) < count:
        for turn in list(turns):
            source = next(turn, None)
            if source is None:
                turns.remove(turn)
            elif len(chosen) < count:
                chosen.append(source)
    return chosen
