"""Hash the shingles of a network's normalised source."""

import ast
import hashlib
import io
import tokenize
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Shingles = NDArray[np.uint64]  # hashes, sorted, each once


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


def jaccard(one: Shingles, other: Shingles) -> float:
    """Common shingles by all shingles of two sets."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)
