"""Hash the shingles of a network: of its normalised source, or of its operator graph."""

import ast
import hashlib
import io
import tokenize
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nnloop.novelty.graph import graph_shingles
from nnloop.novelty.statements import statements
from nnloop.patching import syntax

Shingles = NDArray[np.uint64]  # hashes, sorted, each once


def shingle(text: str, unit: str, size: int) -> Shingles | None:
    """Hash the shingles of `size` units; None if the text has no classes, or is no graph.

    `unit` is tokens, chars, statements or graph. `text` is the network's source; for graph, the JSON of its operator
    graph.
    """
    if unit == "graph":
        digests = graph_shingles(text, size)
    else:
        try:
            digests = _source_shingles(text, unit, size)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return None if digests is None else np.unique(np.frombuffer(b"".join(digests), dtype="<u8")).astype(np.uint64)


def _source_shingles(code: str, unit: str, size: int) -> list[bytes] | None:
    tree = _Normaliser(keep_texts=unit != "tokens").visit(syntax.parse(code))
    if not any(isinstance(node, ast.ClassDef) for node in tree.body):
        return None
    units = _UNITS[unit](tree)
    joint = "" if unit == "chars" else "\x1f"
    pieces = {joint.join(units[at : at + size]) for at in range(max(1, len(units) - size + 1))}
    return [hashlib.blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=8).digest() for piece in pieces]


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
    """Return the tokens of the module's classes: texts are STR, numbers NUM, layout is dropped."""
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


_UNITS: dict[str, Callable[[ast.Module], Sequence[str]]] = {
    "tokens": _tokens,
    "chars": ast.unparse,
    "statements": statements,
}


def jaccard(one: Shingles, other: Shingles) -> float:
    """Return the Jaccard index of two sets: their common shingles by all of their shingles."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)
