"""Parse untrusted code."""

import ast
import warnings


def parse(code: str) -> ast.Module:
    """Parse a module without warnings. Raises SyntaxError, also for NUL bytes, lone surrogates and absurd nesting."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except SyntaxError:
            raise
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or type(error).__name__) from None


def find_net(tree: ast.Module) -> ast.ClassDef | None:
    """Return the module's top-level `class Net`, the last one; None if it has none."""
    return next((node for node in reversed(tree.body) if isinstance(node, ast.ClassDef) and node.name == "Net"), None)


def has_forward(net: ast.ClassDef) -> bool:
    """Tell whether a class defines `forward`, or has a base that may (any but nn.Module)."""
    bases = {ast.unparse(base).rsplit(".", 1)[-1] for base in net.bases}
    methods = {node.name for node in net.body if isinstance(node, ast.FunctionDef)}
    return "forward" in methods or bool(bases - {"Module"})
