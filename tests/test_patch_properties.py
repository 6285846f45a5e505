"""Properties of patching that hold for any baseline and any text."""

from collections import Counter
from collections.abc import Callable

import pytest
from edits import BASE, outcome, unified
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnloop.errors import CompletionError
from nnloop.modes.baseline import split_lines, squeeze
from nnloop.modes.delta import Delta
from nnloop.modes.patch import Patched, PatchError
from nnloop.modes.syntax import parse
from nnloop.records import Status

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
TEXTS = st.lists(st.one_of(MARKED, MARKED, MARKED, HEADERS), max_size=16).map("\n".join)


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
    def check(base: str, text: str) -> None:
        result = outcome(base, text)
        if isinstance(result, PatchError):
            assert result.status in (Status.PATCH_FAILED, Status.NO_CHANGE)
            assert result.reason
            assert "\n" not in result.reason
            return
        assert result.source != base
        again = outcome(base, result.canonical)
        assert isinstance(again, Patched)
        assert again.source == result.source
        assert again.canonical == result.canonical

    hold(examples, check, BASES, TEXTS)


@each_size
def test_nothing_comes_or_goes_that_the_text_does_not_name(examples: int) -> None:
    def check(base: str, text: str) -> None:
        result = outcome(base, text)
        if isinstance(result, PatchError):
            return
        named = Counter(squeeze(line) for line in text.split("\n")) + Counter(
            squeeze(line[1:]) for line in text.split("\n")
        )
        before, after = squeezed(base), squeezed(result.source)
        assert set(after - before) <= set(named), "a line that nobody wrote"
        assert set(before - after) <= set(named), "a line that nobody removed"

    hold(examples, check, BASES, TEXTS)


@each_size
def test_a_result_up_to_white_space_is_python_where_the_baseline_is(examples: int) -> None:
    def check(text: str) -> None:
        result = outcome(BASE, text)
        if isinstance(result, Patched) and any(hunk.how == "white space" for hunk in result.hunks):
            parse(result.source)

    body = st.sampled_from([line.lstrip() for line in BASE.split("\n")] + BASE.split("\n"))
    lines = st.builds(str.__add__, st.sampled_from([" ", "  ", "-", "+", "+    ", "\t", ""]), body)
    hold(examples, check, st.lists(st.one_of(lines, lines, lines, HEADERS), max_size=10).map("\n".join))


@each_size
def test_a_completion_is_a_candidate_or_a_completion_error(examples: int) -> None:
    mode = Delta(1, False)

    def check(text: str) -> None:
        try:
            code = mode.code(text, BASE)
        except CompletionError as error:
            assert error.reason  # noqa: PT017
        else:
            assert code.endswith("\n")
            parse(code)

    stated = st.builds(str.__add__, st.sampled_from([" ", "-", "+"]), st.sampled_from(BASE.split("\n")))
    hold(examples, check, st.lists(st.one_of(stated, stated, stated, HEADERS), max_size=10).map("\n".join))
