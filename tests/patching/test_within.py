"""Replacing a part of a line."""

import pytest
from edits import BASE, WIDER

from nnloop.patching.patch import PatchError, apply_patch


def replaced(old: str, new: str, base: str = BASE) -> str:
    return apply_patch(base, f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n").source


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nn.Conv2d(16, 32, 3)", "nn.Conv2d(16, 64, 3)"),
        ("  nn.Conv2d(16, 32, 3)  ", "nn.Conv2d(16, 64, 3)"),
        ("self.b = nn.Conv2d(16, 32", "self.b = nn.Conv2d(16, 64"),
        ("= nn.ReLU()\n        self.b = nn.Conv2d(16, 32", "= nn.ReLU()\n        self.b = nn.Conv2d(16, 64"),
    ],
)
def test_a_part_that_stands_once_is_replaced(old: str, new: str) -> None:
    assert replaced(old, new) == WIDER


def test_a_part_may_become_several_lines_or_nothing() -> None:
    assert "x = self.act(\n            self.a(x))\n" in replaced("act(self.a(x))", "act(\n            self.a(x))")
    assert "def __init__(self, in_shape, out_shape, prm):" in replaced(", prm, device", ", prm")
    assert replaced("a + b", "a", "x = a + b") == "x = a"


@pytest.mark.parametrize(
    ("old", "reason"),
    [
        ("nn.ReLU()", "'nn.ReLU()' is a part of 2 lines"),
        ("32", "'32' is a part of 2 lines"),
        ("Conv2d(16, 3", "the source has no line 'Conv2d(16, 3'"),
        ("elf.b = nn.Conv2d(16, 32, 3)", "the source has no line 'elf.b = nn.Conv2d(16, 32, 3)'"),
        ("nn.Conv2d(16, 33, 3)", "the source has no line 'nn.Conv2d(16, 33, 3)'"),
    ],
)
def test_a_part_that_stands_elsewhere_too_or_cuts_a_word_is_refused(old: str, reason: str) -> None:
    with pytest.raises(PatchError) as caught:
        replaced(old, "x")
    assert caught.value.reason.startswith(reason)


def test_lines_that_another_block_changes_are_refused() -> None:
    one = "<<<<<<< SEARCH\nConv2d(16, 32, 3)\n=======\nConv2d(16, 64, 3)\n>>>>>>> REPLACE\n"
    with pytest.raises(PatchError, match="an earlier hunk changes too"):
        apply_patch(BASE, one + one.replace("Conv2d", "nn.Conv2d"))


def test_a_diff_replaces_whole_lines_only() -> None:
    with pytest.raises(PatchError, match="the source has no line"):
        apply_patch(BASE, "@@ @@\n-nn.Conv2d(16, 32, 3)\n+nn.Conv2d(16, 64, 3)\n")
