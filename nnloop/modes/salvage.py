"""Salvage answers that are nearly a program, as the papers' code does. Off by default (mode.salvage), counted if on.

| salvage | change |
|---|---|
| brackets | lines with only closing brackets are left out, the last ones first, until the answer is taken |
| cut off | in mode=full: lines are left out from the end until a whole network remains |
| imports | `torch`, `nn` and `F` are imported where they are used and never bound |

A correct program gets missing imports at most. An answer that is refused for another reason than its syntax (a hunk
that fits nowhere, the static guard) is not salvaged, and of a diff no part is ever applied alone.
"""

import ast
import re
from collections.abc import Callable, Iterator

from nnloop.errors import CompletionError
from nnloop.modes import Mode, Reading
from nnloop.patching import syntax
from nnloop.records import Status

TRIES = 40
"""Versions of one answer that a salvage tries at most."""
_BRACKETS = re.compile(r"[+ ]?\s*[)\]},]+\s*")
_IMPORTS = {"F": "import torch.nn.functional as F", "nn": "from torch import nn", "torch": "import torch"}


def read_answer(mode: Mode, text: str, parent: str, cut: str = "") -> Reading:
    """Turn a completion into code, and name the salvages that this took.

    `cut` says why the completion ended before its end, as for `Mode.read`. Raises the CompletionError of the unchanged
    text if no salvage helped or mode.salvage is off.
    """
    if not mode.salvage:
        return mode.read(text, parent, cut)
    reading = _readable(mode, text, parent, cut=cut)
    imported = _with_imports(reading.code)
    return reading if imported == reading.code else Reading(imported, [*reading.salvages, "imports"])


def _readable(mode: Mode, text: str, parent: str, *, cut: str) -> Reading:
    try:
        return mode.read(text, parent, cut)
    except CompletionError as error:
        whole = error.status is Status.UNPARSEABLE or "is no Python" in error.reason
        if not whole and not (error.status is Status.TRUNCATED and mode.name == "full"):
            raise
        for name, versions in SALVAGES.items():
            for version in versions(text) if mode.name == "full" or name != "cut off" else ():
                try:
                    reading = mode.read(version, parent)
                except CompletionError:
                    continue
                return Reading(reading.code, [name, *reading.salvages])
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
