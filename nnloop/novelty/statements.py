"""The statements of a network in normal form, one after the other.

Local names, attributes of self, and the module's own classes and functions are numbered in order of appearance, and
methods are sorted; docstrings, comments and layout are gone. Numbers and the libraries' names stay.
"""

import ast
import copy
from collections.abc import Iterator

_KEPT = frozenset({"Net", "forward", "learn", "train_setup", "supported_hyperparameters"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def statements(tree: ast.Module) -> list[str]:
    """Write down the module's statements in normal form; `tree` is left as it is."""
    tree = copy.deepcopy(tree)
    _order_methods(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            _Attributes().visit(node)
    for node in ast.walk(tree):
        if isinstance(node, Function):
            _rename_locals(node)
    _Globals(tree).visit(tree)
    return list(_written(tree))


def _order_methods(tree: ast.Module) -> None:
    """Put __init__ first, and sort the other methods by their structure, without any names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, Function)]
            others = [each for each in node.body if not isinstance(each, Function)]
            node.body = [*others, *sorted(methods, key=lambda each: (each.name != "__init__", _shape(each)))]


def _shape(node: Function) -> str:
    """Return a sort key of a function that has no names in it."""
    parts = []
    for each in ast.walk(node):
        parts.append(type(each).__name__ + (repr(each.value) if isinstance(each, ast.Constant) else ""))
    return " ".join(parts)


class _Attributes(ast.NodeTransformer):
    """Number the attributes of self, methods included, by their first appearance in a class."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._named(node.name)
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = self._named(node.attr)
        return self.generic_visit(node)

    def _named(self, name: str) -> str:
        if name in _KEPT or name.startswith("__"):
            return name
        return self._names.setdefault(name, f"a{len(self._names)}")


def _rename_locals(function: Function) -> None:
    """Rename a function's arguments and local names by their first appearance."""
    nodes = list(ast.walk(function))
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.arg) and node.arg in bound:
            node.arg = names.setdefault(node.arg, f"v{len(names)}")
        elif isinstance(node, ast.Name) and node.id in bound:
            node.id = names.setdefault(node.id, f"v{len(names)}")


class _Globals(ast.NodeTransformer):
    """Number the module's own classes and functions."""

    def __init__(self, tree: ast.Module) -> None:
        own = [node.name for node in tree.body if isinstance(node, ast.ClassDef | Function)]
        self._names = {name: f"c{at}" for at, name in enumerate(own) if name not in _KEPT}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node


def _written(node: ast.AST) -> Iterator[str]:
    """Yield every statement below a node as text, compound ones by their header, then their parts."""
    for field in ("body", "orelse", "handlers", "finalbody"):
        for statement in getattr(node, field, []):
            yield _header(statement)
            yield from _written(statement)


def _header(statement: ast.AST) -> str:
    bare = copy.copy(statement)
    for field in ("body", "orelse", "handlers", "finalbody"):
        if isinstance(getattr(bare, field, None), list):
            setattr(bare, field, [])
    return ast.dump(bare)
