"""The lines of a source: split as diff does, indexed, compared within a budget."""

import pytest

from nnloop.patching.source import Index, PlaceError, SourceLines, bare, plain_spaces, split_lines, squeeze


def test_lines_end_at_newlines_alone() -> None:
    assert split_lines("a\x0cb\r\n\nc") == ["a\x0cb\r\n", "\n", "c"]
    assert split_lines("a\n") == ["a\n"]
    assert split_lines("") == []


def test_lines_that_differ_in_white_space_squeeze_to_one() -> None:
    assert squeeze("\tx =  f( 1 )\r\n") == squeeze("x=f(1)") == "x=f(1)"


def test_a_block_starts_where_its_rarest_line_says() -> None:
    index = Index(["a", "b", "a", "c", "a"])
    assert index.starts(["a", "c"]) == [2]
    assert index.starts(["a"]) == [0, 2, 4]
    assert index.starts(["a", "nowhere"]) == []
    assert list(index.places("a")) == [0, 2, 4]
    assert list(index.places("nowhere")) == []
    assert "nowhere" not in index


def test_wanted_lines_stand_exactly_or_up_to_white_space() -> None:
    source = SourceLines("a\n  b\nc", 1)
    assert source.stands(source.exact, ["  b\n", "c"], 1)
    assert source.stands(source.loose, ["b", "c"], 1)
    assert not source.stands(source.exact, ["b\n"], 1)
    assert not source.stands(source.exact, ["a\n"], -1)
    assert not source.stands(source.exact, ["c", "d"], 2)


def test_the_budget_of_comparisons_ends() -> None:
    source = SourceLines("a\n", 1)
    source.spend(6_000)
    with pytest.raises(PlaceError, match="too many places"):
        source.spend(6_000)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x\u00a0= 1", "x = 1"),
        ("\u3000\u202fx = '\u00a0'", "  x = '\u00a0'"),
        ('\ufeffx = "a\\"\u00a0"\u00a0', 'x = "a\\"\u00a0" '),
        ("it's\u00a0a", "it's a"),
        ("x = 1\n", "x = 1\n"),
    ],
)
def test_odd_spaces_become_plain_outside_quotes(text: str, plain: str) -> None:
    assert plain_spaces(text) == plain


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("x = 1  # one", "x=1"),
        ("# one", "#one"),
        ("x = '#'  # one", "x='#'"),
        ('x = "\\"#"', 'x="\\"#"'),
        ("it's # not", "it's#not"),
        ("", ""),
    ],
)
def test_a_comment_behind_code_is_dropped(line: str, kept: str) -> None:
    assert bare(line) == kept
