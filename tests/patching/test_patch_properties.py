"""Properties of patching that hold for any source and any text."""

from collections import Counter
from collections.abc import Callable

import pytest
from edits import BASE, outcome, unified
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnloop.errors import CompletionError
from nnloop.modes.delta import Delta
from nnloop.patching.patch import Patched, PatchError
from nnloop.patching.source import split_lines, squeeze
from nnloop.patching.syntax import parse

each_size = pytest.mark.parametrize("examples", [150, pytest.param(2_000, marks=pytest.mark.long)])
LINES = [
    "",
    "a",
    "b",
    "    c",
    "\tc",
    "  c ",
    "...",
    "# ...",
    "-- d",
    "++ e",
    "- f",
    "+ g",
    "@@ -1 +1 @@",
    "\\ x",
    "x\x0cy",
    "é",
    "r\r",
]
BASES = st.builds(
    lambda lines, ended: "\n".join(lines) + ("\n" if ended and lines else ""),
    st.lists(st.sampled_from(LINES), max_size=14),
    st.booleans(),
)
MARKED = st.builds(str.__add__, st.sampled_from([" ", "-", "+", ""]), st.sampled_from(LINES))
HEADERS = st.one_of(
    st.sampled_from(
        ["@@ @@", "@@ ... @@", "@@ a", "@@ -1,2 +1,2 @@", "--- a/x\n+++ b/x", "--- a/y\n+++ b/y", "```", "<delta>"]
    ),
    st.sampled_from(
        ["</delta>", "-- ", "\\ No newline at end of file", "prose.", "diff --git a/x b/x", "--- /dev/null\n+++ b/x"]
    ),
    st.sampled_from(["<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"]),
    st.builds("@@ -{},{} +{},{} @@".format, *[st.integers(0, 16)] * 4),
)
TEXTS = st.lists(st.one_of(MARKED, MARKED, MARKED, HEADERS), max_size=4).map("\n".join)
NOISE: list[Callable[[str], str]] = [
    str,
    str,
    str,
    str,
    str,
    str.lstrip,
    lambda line: line + " ",
    lambda line: " " + line,
]


@st.composite
def hunk_text(draw: st.DrawFn, lines: list[str]) -> str:
    """A hunk, or a block, whose old lines stand in the source more often than not."""
    start = draw(st.integers(0, len(lines)))
    old = lines[start : start + draw(st.integers(0, 5))]
    body = []
    for line in old:
        body += [f"+{each}" for each in draw(st.lists(st.sampled_from(LINES), max_size=1))]
        body.append(draw(st.sampled_from([" ", " ", "-", "-", " ", ""])) + draw(st.sampled_from(NOISE))(line))
    body += [f"+{each}" for each in draw(st.lists(st.sampled_from(LINES), max_size=2))]
    if draw(st.integers(0, 9)) == 0:
        new = [line[1:] for line in body if line[:1] == "+"]
        return "\n".join(["<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE"])
    exact = f"@@ -{start + bool(old)},{len(old)} +{start + 1},{len(body)} @@"
    return "\n".join([draw(st.one_of(st.just(exact), st.just("@@ @@"), HEADERS)), *body])


@st.composite
def cases(draw: st.DrawFn, bases: st.SearchStrategy[str]) -> tuple[str, str]:
    """A source, and a text that is a diff of it, more or less."""
    base = draw(bases)
    parts = draw(
        st.lists(st.one_of(hunk_text(base.split("\n")), hunk_text(base.split("\n")), TEXTS), min_size=1, max_size=3)
    )
    return base, "\n".join(parts) + draw(st.sampled_from(["", "\n"]))


def hold(examples: int, check: Callable[..., None], *strategies: st.SearchStrategy[object]) -> None:
    run = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    run(given(*strategies)(check))()


def squeezed(text: str) -> Counter[str]:
    return Counter(squeeze(line) for line in split_lines(text))


@each_size
def test_a_correct_diff_gives_the_target(examples: int) -> None:
    def check(old: str, new: str, context: int) -> None:
        result = outcome(old, unified(old, new, context))
        if old == new:
            assert isinstance(result, PatchError)
        else:
            assert isinstance(result, Patched), f"{result}\n{unified(old, new, context)}"
            assert result.source == new

    hold(examples, check, BASES, BASES, st.integers(0, 3))


@each_size
def test_any_text_is_applied_as_a_whole_or_refused(examples: int) -> None:
    def check(case: tuple[str, str]) -> None:
        base, text = case
        result = outcome(base, text)
        if isinstance(result, PatchError):
            assert result.kind in ("patch_failed", "no_change")
            assert result.reason
            assert "\n" not in result.reason
            return
        assert result.source != base

    hold(examples, check, cases(BASES))


@each_size
def test_nothing_comes_or_goes_that_the_text_does_not_name(examples: int) -> None:
    def check(case: tuple[str, str]) -> None:
        base, text = case
        result = outcome(base, text)
        if isinstance(result, PatchError):
            return
        named = Counter(squeeze(line) for line in text.split("\n")) + Counter(
            squeeze(line[1:]) for line in text.split("\n")
        )
        before, after = squeezed(base), squeezed(result.source)
        assert set(after - before) <= set(named), "a line that nobody wrote"
        assert set(before - after) <= set(named), "a line that nobody removed"

    hold(examples, check, cases(BASES))


@each_size
def test_a_result_up_to_white_space_is_python_where_the_source_is(examples: int) -> None:
    def check(case: tuple[str, str]) -> None:
        result = outcome(*case)
        if isinstance(result, Patched) and any(each.how == "white space" for each in result.placements):
            parse(result.source)

    hold(examples, check, cases(st.just(BASE)))


@each_size
def test_a_completion_is_a_candidate_or_a_completion_error(examples: int) -> None:
    mode = Delta(1, False)

    def check(case: tuple[str, str]) -> None:
        try:
            code = mode.read(case[1], BASE).code
        except CompletionError as error:
            assert error.reason  # noqa: PT017
        else:
            assert code.endswith("\n")
            parse(code)

    hold(examples, check, cases(st.just(BASE)))
