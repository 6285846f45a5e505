"""Leave out the parts of LEMUR's contract that a protocol does not run; `boilerplate` adds such parts again.

Under proxy=fast a network is trained by the protocol, so its own training is text that prompts pay for. A part stays if
anything else in the module names it or an attribute that it sets.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from nnloop.patching import syntax
from nnloop.records import Network, candidate_id

_METHODS = ("train_setup", "learn")
_FUNCTION = "supported_hyperparameters"


def trim(networks: Iterable[Network]) -> list[Network]:
    """Trim the networks' sources; of equal results the first stays."""
    trimmed: dict[str, Network] = {}
    renamed: dict[str | None, str] = {}
    for network in networks:
        code = without_training(network.code)
        id = renamed[network.id] = network.id if code == network.code else candidate_id(code)
        of = renamed.get(network.variant_of, network.variant_of)
        trimmed.setdefault(id, replace(network, id=id, code=code, variant_of=of))
    return list(trimmed.values())


def without_training(code: str) -> str:
    """Return the module without train_setup and learn of Net and without supported_hyperparameters."""
    tree = syntax.parse(code)
    net = syntax.find_net(tree)
    if net is None:
        return code
    methods = [node for node in net.body if isinstance(node, ast.FunctionDef) and node.name in _METHODS]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == _FUNCTION]
    parts = methods + functions
    if not parts or len(methods) == len(net.body) or _names_used(tree, parts) & set(_names_of(parts)):
        return code
    lines = code.rstrip("\n").split("\n")
    for part in sorted(parts, key=lambda part: -part.lineno):
        first = min([part.lineno, *(decorator.lineno for decorator in part.decorator_list)]) - 1
        while first and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
            first -= 1  # the blank lines and comments above it
        del lines[first : part.end_lineno]
    trimmed = "\n".join(lines).rstrip() + "\n"
    return trimmed if _is_sound(trimmed) else code


def _names_of(parts: Iterable[ast.FunctionDef]) -> Iterator[str]:
    """Yield the parts' names, and the attributes of self that they set."""
    for part in parts:
        yield part.name
        for node in ast.walk(part):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr


def _names_used(tree: ast.Module, parts: Iterable[ast.FunctionDef]) -> set[str]:
    """List the names and attributes that the rest of the module reads."""
    inside = {id(node) for part in parts for node in ast.walk(part)}
    rest = [node for node in ast.walk(tree) if id(node) not in inside]
    attributes = {node.attr for node in rest if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    return attributes | {node.id for node in rest if isinstance(node, ast.Name)}


def _is_sound(code: str) -> bool:
    try:
        return syntax.find_net(syntax.parse(code)) is not None
    except SyntaxError:
        return False
