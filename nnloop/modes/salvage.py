"""Salvage answers that are nearly a program, as the papers' code does. Off by default (mode.salvage), counted if on.

| salvage | change |
|---|---|
| brackets | lines with only closing brackets are left out, the last ones first, until the answer is taken |
| cut off | lines are left out from the end until a whole network remains |
| imports | `torch`, `nn` and `F` are imported where they are used and never bound |

A correct program gets missing imports at most. An answer that is refused for another reason than its syntax (a hunk
that fits nowhere, the static guard) is not salvaged.
"""

import ast
import re
from collections.abc import Callable, Iterator

from nnloop.errors import CompletionError
from nnloop.modes import Mode
from nnloop.patching import syntax
from nnloop.records import Status

TRIES = 40
"""Versions of one answer that a salvage tries at most."""
_BRACKETS = re.compile(r"[+ ]?\s*[)\]},]+\s*")
_IMPORTS = {"F": "import torch.nn.functional as F", "nn": "from torch import nn", "torch": "import torch"}


def read_answer(mode: Mode, text: str, parent: str) -> tuple[str, list[str]]:
    """Turn a completion into code, and name the salvages that this took.

    Raises the CompletionError of the unchanged text if no salvage helped or mode.salvage is off.
    """
    if not mode.salvage:
        return mode.code(text, parent), []
    code, salvages = _readable(mode, text, parent)
    imported = _with_imports(code)
    return (code, salvages) if imported == code else (imported, [*salvages, "imports"])


def _readable(mode: Mode, text: str, parent: str) -> tuple[str, list[str]]:
    try:
        return mode.code(text, parent), []
    except CompletionError as error:
        if error.status is not Status.UNPARSEABLE and "is no Python" not in error.reason:
            raise
        for name, versions in SALVAGES.items():
            for version in versions(text):
                try:
                    return mode.code(version, parent), [name]
                except CompletionError:
                    continue
        raise


def _without_brackets(text: str) -> Iterator[str]:
    lines = text.split("\n")
    stray = [at for at, line in enumerate(lines) if _BRACKETS.fullmatch(line)]
    for at in stray[: -TRIES - 1 : -1]:
        yield "\n".join(lines[:at] + lines[at + 1 :])
    for at in stray[: -TRIES - 1 : -1]:
        del lines[at]
        yield "\n".join(lines)


def _without_end(text: str) -> Iterator[str]:
    lines = text.rstrip().split("\n")
    for end in range(len(lines) - 1, max(0, len(lines) - TRIES), -1):
        yield "\n".join(lines[:end])


SALVAGES: dict[str, Callable[[str], Iterator[str]]] = {"brackets": _without_brackets, "cut off": _without_end}


def _with_imports(code: str) -> str:
    nodes = list(ast.walk(syntax.parse(code)))
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    missing = sorted(name for name in _IMPORTS if name in used - bound)
    return "".join(f"{_IMPORTS[name]}\n" for name in missing) + code if missing else code
