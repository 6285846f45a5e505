"""mode=delta: from a diff to code, and the edits that make pairs."""

import pytest
from edits import BASE, WIDER, WIDER_DIFF, seed_sources
from mode_cases import TASK, network, refused

from nnloop.modes.delta import MAX_SHARE, Delta
from nnloop.records import Status


def test_a_diff_makes_the_candidate() -> None:
    assert Delta(1, False).read(f"<delta>\n{WIDER_DIFF}</delta>", BASE).code == WIDER


@pytest.mark.parametrize(("edit_format", "mark"), [("unified", "@@ @@\n"), ("search_replace", "<<<<<<< SEARCH\n")])
def test_a_pair_is_written_in_the_edit_format(edit_format: str, mark: str) -> None:
    mode = Delta(1, False, edit_format)
    pair = mode.pair(network(BASE), network(WIDER), TASK)
    assert mark in pair.completion
    assert pair.prompt == mode.prompt(network(BASE), TASK).text
    assert (pair.parent, pair.target) == (network(BASE).id, network(WIDER).id)


def test_the_prompt_asks_for_the_edit_format() -> None:
    unified, blocks = (Delta(1, False, each).prompt(network(BASE), TASK).text for each in ("unified", "search_replace"))
    assert "unified diff" in unified
    assert "SEARCH" not in unified
    assert "<<<<<<< SEARCH\n" in blocks
    assert "unified diff" not in blocks


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("I can't help with that.", Status.UNPARSEABLE),
        (WIDER_DIFF.replace("ReLU", "GELU"), Status.PATCH_FAILED),
        ("@@ @@\n-import torch\n+import torch\n", Status.NO_CHANGE),
        ("@@ @@\n-import torch\n+import torch  # the library\n", Status.NO_CHANGE),
        ("@@ @@\n-import torch\n+import torch, pty\n", Status.REJECTED),
        ("@@ @@\n-class Net(nn.Module):\n+class Nut(nn.Module):\n", Status.REJECTED),
        ("@@ @@\n-import torch\n+import torch(\n", Status.UNPARSEABLE),
        ("@@ @@\n-import torch\n+import \ud800\n", Status.UNPARSEABLE),
        ("@@ @@\n-import torch\n+import torch\n+x = " + "-" * 5_000 + "1\n", Status.UNPARSEABLE),
    ],
)
def test_a_delta_that_is_no_candidate_says_why(text: str, status: Status) -> None:
    assert refused(Delta(1, False), text) == status


@pytest.mark.parametrize("edit_format", ["unified", "search_replace"])
def test_a_corpus_pair_is_a_diff_of_half_of_the_programs_tokens_at_most(edit_format: str) -> None:
    mode = Delta(1, False, edit_format)
    assert not mode.suits(BASE, BASE, len)
    assert not mode.suits(BASE, seed_sources()[0], len)
    changed = [BASE + "# x\n" * count for count in range(1, 200, 3)]
    suiting = [mode.suits(BASE, code, len) for code in changed]
    shares = [len(mode.pair(network(BASE), network(code), TASK).completion) / len(code) for code in changed]
    assert suiting == [share <= MAX_SHARE for share in shares]
    assert any(suiting)
    assert not all(suiting)
