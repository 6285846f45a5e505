"""Placing hunks: the nearest match, white space, indentation, and hunks that get in each other's way."""

import pytest
from edits import (
    BASE,
    WIDER,
    WIDER_DIFF,
    WIDER_HUNK,
    applied,
    refused,
)

from nnloop.patching.patch import apply_patch


def test_a_correct_diff_lands_where_its_header_says() -> None:
    patched = apply_patch(BASE, WIDER_DIFF)
    assert patched.source == WIDER
    assert [(each.line, each.how, each.offset) for each in patched.placements] == [(9, "exact", 0)]


def test_of_several_places_the_one_nearest_to_the_header_is_taken() -> None:
    body = "-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    first, second = (BASE.replace("ReLU", "SiLU", 1), "SiLU".join(BASE.rsplit("ReLU", 1)))
    assert applied(f"@@ -8 +8 @@\n{body}") == first
    assert applied(f"@@ -13 +13 @@\n{body}") == second
    assert applied(f"@@ -10 +10 @@\n{body}") == second  # a tie


def test_the_shift_of_one_hunk_carries_over_to_the_next() -> None:
    head = (
        "@@ -6,1 +6,1 @@\n-        self.a = nn.Conv2d(3, 16, 3)\n+        self.a = nn.Conv2d(3, 16, 5)\n"  # 2 too low
    )
    act = "@@ -9,1 +9,1 @@\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    assert apply_patch(BASE, head + act).placements[1].line == 11
    assert apply_patch(BASE, act).placements[0].line == 9


def test_without_numbers_the_first_place_behind_the_hunk_before_is_taken() -> None:
    act = "@@ @@\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    wider = "@@ @@\n-        self.b = nn.Conv2d(16, 32, 3)\n+        self.b = nn.Conv2d(16, 64, 3)\n"
    assert apply_patch(BASE, act).placements[0].line == 9
    assert [each.line for each in apply_patch(BASE, wider + act).placements] == [10, 11]


def test_a_line_quoted_by_the_header_says_where_to_look() -> None:
    act = "@@ self.b = nn.Conv2d(16, 32, 3)\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    assert apply_patch(BASE, act).placements[0].line == 11


@pytest.mark.parametrize(
    "mangle",
    [
        lambda diff: diff.replace("nn.ReLU()", "nn.ReLU()  "),
        lambda diff: diff.replace("        ", "\t\t"),
        lambda diff: diff.replace("        ", "    "),
        lambda diff: diff.replace("        ", ""),
        lambda diff: diff.replace("        ", "                "),
        lambda diff: diff.replace("-        self.b = nn.Conv2d(16, 32, 3)", "-        self.b=nn.Conv2d(16,32,3)"),
        lambda diff: diff.replace("\n", "\r\n"),
        lambda diff: diff.replace(" " * 9 + "self", "        self"),
    ],
)
def test_white_space_is_forgiven_and_the_added_lines_follow_the_source(mangle) -> None:  # type: ignore[no-untyped-def]
    patched = apply_patch(BASE, mangle(WIDER_DIFF))
    assert patched.source == WIDER
    assert patched.placements[0].how == "white space"


def test_tabs_for_spaces_keep_their_depth() -> None:
    diff = "@@ @@\n \tdef forward(self, x):\n+\t\tif x.ndim == 3:\n+\t\t\tx = x[None]\n \t\tx = self.act(self.a(x))\n"
    assert "        if x.ndim == 3:\n            x = x[None]\n        x = self" in applied(diff)


def test_an_exact_place_beats_a_nearer_one_that_differs_in_white_space() -> None:
    base = "if a:\n    x = 1\nx = 1\n"
    assert applied("@@ -1 +1 @@\n-x = 1\n+x = 2\n", base) == "if a:\n    x = 1\nx = 2\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_line_endings_of_the_source_are_kept(ending: str) -> None:
    other = "\r\n" if ending == "\n" else "\n"
    assert applied(WIDER_DIFF.replace("\n", other), BASE.replace("\n", ending)) == WIDER.replace("\n", ending)


@pytest.mark.parametrize("line", ["        self.act = nn.ReLU6()", "        self.act = nn.ReLU(", "        # act"])
def test_context_that_differs_otherwise_is_refused(line: str) -> None:
    error = refused(WIDER_DIFF.replace("         self.act = nn.ReLU()", " " + line, 1))
    assert error.kind == "patch_failed"
    assert line.strip() in error.reason


def test_removed_lines_that_do_not_stand_there_are_refused() -> None:
    assert "nn.Conv2d(16, 31, 3)" in refused(WIDER_DIFF.replace("16, 32", "16, 31")).reason


def test_lines_that_stand_apart_do_not_match_together() -> None:
    diff = "@@ @@\n import torch\n-        super().__init__()\n+        pass\n"
    assert refused(diff).reason.startswith("its line 'super().__init__()' does not stand there")


def test_what_follows_an_elision_must_stand_behind_it() -> None:
    refused("@@ @@\n     def forward(self, x):\n ...\n-        super().__init__()\n+        pass\n")


def test_an_insertion_without_context_needs_a_number() -> None:
    assert applied("@@ -1,0 +2 @@\n+import math\n") == BASE.replace("torch\n", "torch\nimport math\n", 1)
    assert "nothing says where" in refused("@@ @@\n+import math\n").reason
    assert "nothing says where" in refused("@@ -2,3 +2,4 @@\n+import math\n```\n").reason
    assert "nothing says where" in refused("@@ -99,0 +100 @@\n+import math\n").reason


def test_an_insertion_by_number_is_refused_once_the_numbers_have_proved_wrong() -> None:
    assert "nothing says where" in refused(WIDER_HUNK.replace("-9,3", "-5,3") + "@@ -1,0 +2 @@\n+import math\n").reason


def test_blank_context_alone_says_nothing() -> None:
    assert "nothing says where" in refused("@@ @@\n \n+x = 1\n").reason


def test_hunks_may_share_context() -> None:
    first = "@@ -8,2 +8,2 @@\n-        self.a = nn.Conv2d(3, 16, 3)\n+        self.a = nn.Conv2d(3, 16, 5)\n"
    first += "         self.act = nn.ReLU()\n"
    assert applied(first + WIDER_HUNK) == WIDER.replace("3, 16, 3", "3, 16, 5")


def test_hunks_that_change_the_same_line_are_refused() -> None:
    other = WIDER_HUNK.replace("64", "48")
    assert refused(WIDER_HUNK + other).reason == "hunk 2 of 2: it changes lines that an earlier hunk changes too"


def test_hunks_that_insert_at_the_same_place_are_refused() -> None:
    one, two = (f"@@ @@\n import torch\n+import {name}\n from torch import nn\n" for name in ("math", "copy"))
    refused(one + two)


def test_a_repeated_hunk_takes_a_further_place_or_is_dropped() -> None:
    act = "@@ @@\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    patched = apply_patch(BASE, act * 3)
    assert patched.source == BASE.replace("ReLU", "SiLU")
    assert [each.how for each in patched.placements] == ["exact", "exact", "repeated"]
    assert applied(WIDER_HUNK * 2) == WIDER


def test_a_hunk_repeated_with_its_number_is_dropped() -> None:
    act = "@@ -9 +9 @@\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    assert applied(act * 2) == BASE.replace("ReLU", "SiLU", 1)
