"""Tags: on lines of their own, around an answer."""

import time

import pytest
from edits import BASE, WIDER_DIFF

from nnloop.modes.tagged import end_of_answer, tagged

DIFF = f"<delta>\n{WIDER_DIFF}</delta>"


@pytest.mark.parametrize(
    "text",
    [
        DIFF,
        f"Between <delta> and </delta>:\n{DIFF}",
        f"<delta>\nand\n</delta>\n{DIFF}",
        f"<delta>\n{DIFF}",
        f"  {DIFF}",
        DIFF.replace("\n", "\r\n"),
        f"<think>\n{DIFF}\n</think>\n{DIFF}",
        DIFF.replace("\n</delta>", "</delta>"),
    ],
)
def test_an_answer_ends_behind_its_closing_tag(text: str) -> None:
    end = end_of_answer(text + "\nmore\n</delta>", "delta")
    assert end == len(text)


@pytest.mark.parametrize(
    "text", [DIFF[:-1], "<delta> and </delta>", f"<think>\n{DIFF}", "</delta>", f"a <delta> {DIFF[7:]}"]
)
def test_other_texts_have_not_ended(text: str) -> None:
    assert end_of_answer(text, "delta") is None


def test_a_network_ends_a_full_answer_only() -> None:
    answer = f"<nn>\n{BASE}</nn>"
    assert end_of_answer(answer, "full") == len(answer)
    assert end_of_answer(answer, "delta") is None
    assert end_of_answer("<nn>\nimport torch\n</nn>", "full") is None


def test_parts_are_told_apart() -> None:
    parts = list(tagged(f"{DIFF}\n<delta>\n+x = 1", "delta"))
    assert [(part.content, part.closed) for part in parts] == [(WIDER_DIFF, True), ("+x = 1", False)]


@pytest.mark.parametrize("piece", ["<delta>\n", "</delta>\n", "<delta>\n-a\n</delta>\n", "<delta>\n+a\n"])
def test_hostile_tags_end_soon(piece: str) -> None:
    start = time.process_time()
    list(tagged(piece * 30_000, "delta"))
    assert time.process_time() - start < 2
