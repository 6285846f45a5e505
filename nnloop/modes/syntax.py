"""Parse code that nobody vouches for."""

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


def has_net(tree: ast.Module) -> bool:
    """Whether the module defines `class Net` at its top level."""
    return any(isinstance(node, ast.ClassDef) and node.name == "Net" for node in tree.body)
