"""Judge whether a network is new: shingles of its normalised source, MinHash-LSH retrieval, exact Jaccard.

| rule | what is compared | it doesn't see | it does see |
|---|---|---|---|
| tokens (paper A) | 10-token shingles of classes | numbers, texts, comments, layout, the rest | names, structure |
| chars (paper B) | 10-character shingles of the module | comments, docstrings, layout | names, numbers, structure |

The network with the largest Jaccard is looked for among those that LSH retrieves; up to `SCAN` known networks all are
looked at, so that the maximum reported is the true one. Beyond, 0 and None mean that LSH retrieved nothing.
A filter that errs does not admit: what can't be parsed or has no classes isn't novel, nor is an id that is known.
"""

import ast
import hashlib
import io
import tokenize
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnloop.records import NoveltyVerdict
from nnloop.settings import MinHashSettings, NoNoveltySettings

SCAN = 2_000
"""Known networks up to which the nearest is looked for among all."""
_RECALL = 0.95
"""Share of the pairs at a Jaccard of lsh_threshold that LSH retrieves at least."""

Shingles = NDArray[np.uint64]  # hashes, sorted, each once


class Novelty(Protocol):
    def add(self, id: str, code: str) -> None:
        """Make a network known; a known id is left as it is."""
        ...

    def judge(self, code: str, id: str) -> NoveltyVerdict:
        """Compare a network with all that are known, without making it known."""
        ...


def build(settings: MinHashSettings | NoNoveltySettings) -> Novelty:
    return MinHashNovelty(settings) if isinstance(settings, MinHashSettings) else ExactNovelty()


class ExactNovelty:
    """novelty=off: everything but an exact duplicate is novel."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def add(self, id: str, code: str) -> None:
        self._ids.add(id)

    def judge(self, code: str, id: str) -> NoveltyVerdict:
        known = id in self._ids
        return NoveltyVerdict(not known, float(known), id if known else None, 1.0)


class MinHashNovelty:
    """Rules of papers A and B."""

    def __init__(self, settings: MinHashSettings) -> None:
        from datasketch import MinHash, MinHashLSH

        self._settings = settings
        self._blank = MinHash(num_perm=settings.permutations, scheme="affine32", hashfunc=int)
        bands = choose_bands(settings.lsh_threshold, settings.permutations)
        self._index = MinHashLSH(num_perm=settings.permutations, params=bands)
        self._ids: list[str] = []
        self._known: set[str] = set()
        self._shingles: list[Shingles] = []
        self._holders: dict[int, list[int]] = {}  # by shingle: who has it, as long as all are scanned

    def add(self, id: str, code: str) -> None:
        if id in self._known:
            return
        self._known.add(id)
        shingles = self._shingle(code)
        if shingles is None:
            return
        place = len(self._ids)
        self._ids.append(id)
        self._shingles.append(shingles)
        self._index.insert(place, self._signature(shingles), check_duplication=False)
        if place >= SCAN:
            self._holders.clear()
            return
        for shingle in shingles.tolist():
            self._holders.setdefault(shingle, []).append(place)

    def judge(self, code: str, id: str) -> NoveltyVerdict:
        threshold = self._settings.threshold
        if id in self._known:
            return NoveltyVerdict(False, 1.0, id, threshold)
        shingles = self._shingle(code)
        if shingles is None:
            return NoveltyVerdict(False, 0.0, None, threshold)
        nearest, jaccard = self._nearest(shingles)
        return NoveltyVerdict(jaccard < threshold, jaccard, None if nearest is None else self._ids[nearest], threshold)

    def _nearest(self, shingles: Shingles) -> tuple[int | None, float]:
        """The known network with the largest Jaccard, the earliest in a tie, and that Jaccard."""
        if len(self._ids) <= SCAN:
            return self._scan(shingles)
        places = sorted(self._index.query(self._signature(shingles)))
        values = [jaccard(shingles, self._shingles[place]) for place in places]
        best = max(range(len(places)), key=values.__getitem__, default=None)
        return (None, 0.0) if best is None else (places[best], values[best])

    def _scan(self, shingles: Shingles) -> tuple[int | None, float]:
        """Count the common shingles with everyone at once."""
        holders = [self._holders[shingle] for shingle in shingles.tolist() if shingle in self._holders]
        if not holders:
            return None, 0.0
        common = np.bincount(np.concatenate(holders), minlength=len(self._ids))
        sizes = np.fromiter(map(len, self._shingles), np.int64, len(self._ids))
        values = common / (sizes + len(shingles) - common)
        best = int(values.argmax())
        return best, float(values[best])

    def _shingle(self, code: str) -> Shingles | None:
        return shingle(code, self._settings.unit, self._settings.shingle)

    def _signature(self, shingles: Shingles) -> Any:
        """The MinHash of a set of shingles; 32 bits of each are enough for it."""
        signature = self._blank.copy()
        signature.update_batch((shingles & np.uint64(0xFFFFFFFF)).tolist())
        return signature


def jaccard(one: Shingles, other: Shingles) -> float:
    """Common shingles by all shingles of two sets."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def choose_bands(threshold: float, permutations: int) -> tuple[int, int]:
    """Choose (bands, rows): the most selective that still retrieve _RECALL of the pairs at the threshold.

    A pair of Jaccard j is retrieved with probability 1 - (1 - j^rows)^bands. datasketch's own choice weighs misses and
    false alarms alike, and at 256 permutations and 0.85 it misses a third of the pairs at 0.90.
    """
    for rows in range(permutations // 2, 1, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= _RECALL:
            return bands, rows
    return permutations, 1


def shingle(code: str, unit: str, size: int) -> Shingles | None:
    """Hash the shingles of a network's normalised source; None where it can't be parsed or has no classes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _Normaliser(keep_texts=unit == "chars").visit(ast.parse(code))
            units: Sequence[str] = ast.unparse(tree) if unit == "chars" else _tokens(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not units or not any(isinstance(node, ast.ClassDef) for node in tree.body):
        return None
    joint = "" if unit == "chars" else "\x1f"
    pieces = {joint.join(units[at : at + size]) for at in range(max(1, len(units) - size + 1))}
    digests = b"".join(hashlib.blake2b(piece.encode("utf-8"), digest_size=8).digest() for piece in pieces)
    return np.sort(np.frombuffer(digests, dtype="<u8")).astype(np.uint64)


class _Normaliser(ast.NodeTransformer):
    """Drop docstrings; fold f-strings to plain texts unless texts are kept (they tokenise differently by version)."""

    def __init__(self, keep_texts: bool) -> None:
        self._keep_texts = keep_texts

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node if self._keep_texts else ast.Constant("")


def _tokens(tree: ast.Module) -> list[str]:
    """The token stream of the module's classes: texts are STR, numbers NUM, layout is dropped."""
    classes: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    source = ast.unparse(ast.Module(classes, []))
    stream = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NUMBER:
            stream.append("NUM")
        elif token.type == tokenize.STRING:
            stream.append("STR")
        elif token.type in (tokenize.NAME, tokenize.OP):
            stream.append(token.string)
    return stream
