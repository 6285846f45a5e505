"""For the tests of patching: a network with a diff, and random edits of real network code with their diffs."""

import difflib
import random
from collections.abc import Sequence

import pytest
from paths import PACKAGE

from nnloop.patching.patch import Patched, PatchError, apply_patch

SEEDS = sorted((PACKAGE / "corpus" / "seeds").glob("*.py"))


BASE = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.a = nn.Conv2d(3, 16, 3)
        self.act = nn.ReLU()
        self.b = nn.Conv2d(16, 32, 3)
        self.act = nn.ReLU()
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.act(self.a(x))
        return self.head(x)
"""
WIDER = BASE.replace("self.b = nn.Conv2d(16, 32, 3)", "self.b = nn.Conv2d(16, 64, 3)")
WIDER_DIFF = """\
--- a/net.py
+++ b/net.py
@@ -9,3 +9,3 @@
         self.act = nn.ReLU()
-        self.b = nn.Conv2d(16, 32, 3)
+        self.b = nn.Conv2d(16, 64, 3)
         self.act = nn.ReLU()
"""
WIDER_HUNK = WIDER_DIFF.split("\n", 2)[2]
WIDER_BODY = WIDER_HUNK.split("\n", 1)[1]


def applied(diff: str, base: str = BASE) -> str:
    return apply_patch(base, diff).source


def refused(diff: str, base: str = BASE) -> PatchError:
    with pytest.raises(PatchError) as caught:
        apply_patch(base, diff)
    return caught.value


def outcome(base: str, diff: str) -> Patched | PatchError:
    try:
        return apply_patch(base, diff)
    except PatchError as error:
        return error


def seed_sources() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in SEEDS if path.stem != "__init__"]


def edited(source: str, rng: random.Random) -> tuple[str, str]:
    """Return a source (perhaps with CRLF or without its last newline) and one to four edits of it."""
    lines = [f"{line}\n" for line in source.split("\n")[:-1]]
    if rng.random() < 0.1:
        lines = [line.replace("\n", "\r\n") for line in lines]
    old, new = _unended(lines, rng), list(lines)
    for _ in range(rng.randint(1, 4)):
        new = rng.choice([_insert, _insert, _delete, _replace, _replace, _move, _double, _gut])(new, rng)
    new = _unended(new, rng)
    return "".join(old), "".join(new)


def unified(old: str, new: str, context: int, path: str = "net.py") -> str:
    """Write a correct diff; lines end at newlines only."""
    before, after = (text.split("\n") for text in (old, new))
    diff = difflib.unified_diff(_ended(before), _ended(after), f"a/{path}", f"b/{path}", n=context)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff)


def _ended(lines: Sequence[str]) -> list[str]:
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _unended(lines: list[str], rng: random.Random) -> list[str]:
    if rng.random() < 0.15 and lines:
        return [*lines[:-1], lines[-1].rstrip("\r\n")]
    return lines


def _span(lines: list[str], rng: random.Random, longest: int = 4) -> tuple[int, int]:
    start = rng.choice([0, len(lines), rng.randint(0, len(lines))])
    start = min(start, max(0, len(lines) - 1))
    return start, min(len(lines), start + rng.randint(1, longest))


def _fresh(lines: list[str], rng: random.Random) -> str:
    if lines and rng.random() < 0.5:
        return rng.choice(lines)
    return rng.choice(
        ["\n", "        x = self.act(x)\n", "# -- \n", "-- a\n", "++ b\n", "@@ -1 +1 @@\n", "\tx = 1  \n", "é\x0c\n"]
    )


def _insert(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.choice([0, len(lines), rng.randint(0, len(lines))])
    return [*lines[:at], *(_fresh(lines, rng) for _ in range(rng.randint(1, 3))), *lines[at:]]


def _delete(lines: list[str], rng: random.Random) -> list[str]:
    start, end = _span(lines, rng)
    return [*lines[:start], *lines[end:]] or ["\n"]


def _replace(lines: list[str], rng: random.Random) -> list[str]:
    start, end = _span(lines, rng)
    return [
        *lines[:start],
        *(line.replace("(", "(0 + ") for line in lines[start:end]),
        _fresh(lines, rng),
        *lines[end:],
    ]


def _move(lines: list[str], rng: random.Random) -> list[str]:
    start, end = _span(lines, rng, 8)
    block, rest = lines[start:end], [*lines[:start], *lines[end:]]
    at = rng.randint(0, len(rest))
    return [*rest[:at], *block, *rest[at:]]


def _double(lines: list[str], rng: random.Random) -> list[str]:
    start, end = _span(lines, rng, 6)
    return [*lines[:end], *lines[start:end], *lines[end:]]


def _gut(lines: list[str], rng: random.Random) -> list[str]:
    """Delete everything but one line, now and then."""
    return [rng.choice(lines)] if lines and rng.random() < 0.1 else lines
