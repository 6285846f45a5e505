"""Correct diffs, spoilt the ways LLMs spoil them: applied as meant where the place is unambiguous, never wrongly."""

import ast
import random
import re
from collections.abc import Callable

import pytest
from edits import edited, outcome, seed_sources, unified

from nnloop.patching.patch import PatchError
from nnloop.patching.source import split_lines, squeeze

Mangler = Callable[[str, random.Random], str]
HEADER = re.compile(r"(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$")


def hunks(diff: str) -> list[str]:
    return re.split(r"(?m)^(?=@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@$)", diff)


def headers(write: Callable[[random.Random], str]) -> Mangler:
    return lambda diff, rng: HEADER.sub(lambda _: write(rng), diff)


def wrong_numbers(rng: random.Random) -> str:
    return "@@ -{},{} +{},{} @@".format(*(rng.randint(1, 60) for _ in range(4)))


def shifted(diff: str, rng: random.Random) -> str:
    by = rng.randint(-5, 5)

    def moved(header: re.Match[str]) -> str:
        old, new = (max(1, int(header[group]) + by) for group in (1, 3))
        return f"@@ -{old},{header[2] or 1} +{new},{header[4] or 1} @@"

    return HEADER.sub(moved, diff)


def wrong_counts(diff: str, rng: random.Random) -> str:
    return HEADER.sub(lambda at: f"@@ -{at[1]},{rng.randint(1, 30)} +{at[3]},{rng.randint(1, 30)} @@", diff)


def bare_blanks(diff: str, rng: random.Random) -> str:
    return re.sub(r"(?m)^ $", "", diff)


def trailing_spaces(diff: str, rng: random.Random) -> str:
    return re.sub(r"(?m)^([ -].*\S)$", lambda line: line[1] + " " * rng.randint(0, 2), diff)


def without_file_headers(diff: str, rng: random.Random) -> str:
    return diff.split("\n", 2)[2]


def out_of_order(diff: str, rng: random.Random) -> str:
    head, *rest = hunks(diff)
    return head + "".join(rng.sample(rest, len(rest)))


def doubled(diff: str, rng: random.Random) -> str:
    head, *rest = hunks(diff)
    return head + "".join(hunk * 2 for hunk in rest)


def fenced(diff: str, rng: random.Random) -> str:
    return f"I change the network:\n\n```diff\n{diff}```\n\n- This is better.\n"


def with_prose(diff: str, rng: random.Random) -> str:
    return f"I change the network:\n\n{diff}\nThis should be better because of:\n\n- its width\n- its depth\n"


MANGLERS: dict[str, Mangler] = {
    "wrong numbers": headers(wrong_numbers),
    "no numbers": headers(lambda _: "@@ @@"),
    "dots": headers(lambda _: "@@ ... @@"),
    "shifted": shifted,
    "wrong counts": wrong_counts,
    "bare blanks": bare_blanks,
    "trailing spaces": trailing_spaces,
    "without file headers": without_file_headers,
    "out of order": out_of_order,
    "doubled": doubled,
    "fenced": fenced,
    "with prose": with_prose,
}


def is_plain(old: str, new: str) -> bool:
    """Whether an edit can be told from the marks of a diff, and leaves Python."""
    odd = ("\r", "\x0c", "@@", "\n--", "\n++", "\\")
    if any(mark in old + new for mark in odd) or not (old.endswith("\n") and new.endswith("\n")):
        return False
    try:
        ast.parse(new)
    except SyntaxError:
        return False
    return True


def is_unambiguous(old: str, diff: str) -> bool:
    """Whether each hunk fits one place only, and says so by more than blank lines."""
    base = [squeeze(line) for line in split_lines(old)]
    for hunk in hunks(diff)[1:]:
        block = [squeeze(line[1:]) for line in hunk.split("\n")[1:-1] if line[:1] in " -"]
        places = sum(base[at : at + len(block)] == block for at in range(len(base) - len(block) + 1))
        if places != 1 or not any(block):
            return False
    return True


def cases(count: int, seed: int) -> list[tuple[str, str, str]]:
    """(source, target, correct diff) with 1 to 3 context lines."""
    rng, sources, made = random.Random(seed), seed_sources(), []
    while len(made) < count:
        old, new = edited(rng.choice(sources), rng)
        if old != new and is_plain(old, new):
            made.append((old, new, unified(old, new, rng.randint(1, 3))))
    return made


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", MANGLERS)
def test_a_spoilt_diff_is_applied_as_meant(name: str, count: int) -> None:
    rng = random.Random(count)
    tried = 0
    for old, new, diff in cases(count, count):
        spoilt = MANGLERS[name](diff, rng)
        result = outcome(old, spoilt)
        if is_unambiguous(old, diff):
            tried += 1
            assert not isinstance(result, PatchError), f"{result}\n{spoilt}"
            assert result.source == new, spoilt
    assert tried > count / 4


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_diff_with_one_old_line_changed_is_never_applied(count: int) -> None:
    rng = random.Random(count)
    for old, _, diff in cases(count, count + 1):
        lines = diff.split("\n")
        stated = [at for at, line in enumerate(lines) if line[:1] in (" ", "-") and line[1:].strip() and at > 2]
        for at in rng.sample(stated, min(1, len(stated))):
            lines[at] += " no such line"
            assert isinstance(outcome(old, "\n".join(lines)), PatchError)
