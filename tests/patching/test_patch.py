"""Patching, row by row of the table in nnloop.patching.patch."""

import textwrap
from pathlib import Path

import pytest
from edits import BASE, WIDER, WIDER_BODY, WIDER_DIFF, WIDER_HUNK, applied, refused

from nnloop.patching.patch import apply_patch
from nnloop.records import Status


def test_a_correct_diff_lands_where_its_header_says() -> None:
    patched = apply_patch(BASE, WIDER_DIFF)
    assert patched.source == WIDER
    assert [(hunk.line, hunk.how, hunk.offset) for hunk in patched.hunks] == [(9, "exact", 0)]


@pytest.mark.parametrize(
    "header",
    [
        "@@ -1,3 +1,3 @@",
        "@@ -900,3 +900,3 @@",
        "@@ -9,1 +9,2 @@",
        "@@ -9,7 +9,8 @@",
        "@@ -9 +9 @@",
        "@@ -0,0 +1 @@",
        "@@ -99999999999999999999,3 +1,3 @@",
        "@@ @@",
        "@@",
        "@@ ... @@",
        "@@ -,3 +,3 @@",
        "@@ class Net(nn.Module): @@",
        "@@ -9,3 +9,3 @@ class Net(nn.Module):",
    ],
)
def test_numbers_and_counts_that_are_wrong_or_missing_do_not_matter(header: str) -> None:
    assert applied(f"{header}\n{WIDER_BODY}") == WIDER


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
    assert apply_patch(BASE, head + act).hunks[1].line == 11
    assert apply_patch(BASE, act).hunks[0].line == 9


def test_without_numbers_the_first_place_behind_the_hunk_before_is_taken() -> None:
    act = "@@ @@\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    wider = "@@ @@\n-        self.b = nn.Conv2d(16, 32, 3)\n+        self.b = nn.Conv2d(16, 64, 3)\n"
    assert apply_patch(BASE, act).hunks[0].line == 9
    assert [hunk.line for hunk in apply_patch(BASE, wider + act).hunks] == [10, 11]


def test_a_line_quoted_by_the_header_says_where_to_look() -> None:
    act = "@@ self.b = nn.Conv2d(16, 32, 3)\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    assert apply_patch(BASE, act).hunks[0].line == 11


@pytest.mark.parametrize("before", ["", "--- a/net.py\n+++ b/net.py\n", "Here is the diff:\n"])
def test_a_diff_without_a_hunk_header_is_one_hunk(before: str) -> None:
    assert applied(before + WIDER_BODY) == WIDER


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "--- a/other/model.py\t2024-01-01\n+++ b/other/model.py\t2024-01-01\n",
        "--- ../../etc/passwd\n+++ /etc/passwd\n",
        "diff --git a/x.py b/x.py\nindex 01ab..23cd 100644\n--- a/x.py\n+++ b/x.py\n",
        "diff --git a/x.py b/y.py\nsimilarity index 90%\nrename from x.py\nrename to y.py\n--- a/x.py\n+++ b/y.py\n",
        "Index: x.py\n===================================================================\n--- x.py\n+++ x.py\n",
    ],
)
def test_file_headers_are_names_only(headers: str) -> None:
    assert applied(headers + WIDER_HUNK) == WIDER


def test_no_file_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.py").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    apply_patch(BASE, WIDER_DIFF)
    assert [path.name for path in tmp_path.iterdir()] == ["net.py"]
    assert (tmp_path / "net.py").read_text() == BASE


OTHER = "--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n import sys\n-lr = 1\n+lr = 2\n"


@pytest.mark.parametrize("diff", [WIDER_DIFF + OTHER, OTHER + WIDER_DIFF])
def test_of_several_files_the_one_that_fits_is_taken(diff: str) -> None:
    assert applied(diff) == WIDER


def test_files_that_all_fit_or_none_are_refused() -> None:
    assert refused(WIDER_DIFF + WIDER_DIFF.replace("net.py", "b.py")).reason == "2 files of the diff fit the baseline"
    assert "'import sys'" in refused(OTHER + OTHER.replace("train.py", "b.py")).reason


def test_headers_repeated_before_each_hunk_are_one_file() -> None:
    twice = WIDER_DIFF + WIDER_DIFF.replace("9,3", "7,1").replace(
        WIDER_BODY, "-        super().__init__()\n+        pass\n"
    )
    assert applied(twice) == WIDER.replace("super().__init__()", "pass")


@pytest.mark.parametrize("header", ["--- /dev/null\n+++ b/net.py\n", "--- a/net.py\n+++ /dev/null\n"])
def test_creating_or_deleting_the_file_is_refused(header: str) -> None:
    assert refused(header + WIDER_HUNK).status == Status.PATCH_FAILED


@pytest.mark.parametrize(
    "text",
    [
        f"```diff\n{WIDER_DIFF}```\n",
        f"```\n{WIDER_HUNK}```",
        f"~~~\n{WIDER_HUNK}~~~\n",
        f"Sure, a wider layer:\n\n```diff\n{WIDER_DIFF}```\n\n- It is **wider**.\n- It may be better.\n",
        f"{WIDER_DIFF}\n\nThis makes the layer wider:\n\n- more channels\n+ more accuracy\n",
        f"{WIDER_DIFF}-- \n2.39.5\n\n",
        f"@@ @@\n{WIDER_BODY}\nThis makes the layer wider.\n",
        f"@@ @@\n{WIDER_BODY}\n- It is wider.\n- It may be better.\n",
        textwrap.indent(WIDER_DIFF, "    "),
        f"<delta>\n{WIDER_HUNK}</delta>\n",
    ],
)
def test_what_stands_around_a_diff_is_ignored(text: str) -> None:
    assert applied(text) == WIDER


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
def test_white_space_is_forgiven_and_the_added_lines_follow_the_baseline(mangle) -> None:  # type: ignore[no-untyped-def]
    patched = apply_patch(BASE, mangle(WIDER_DIFF))
    assert patched.source == WIDER
    assert patched.hunks[0].how == "white space"


def test_tabs_for_spaces_keep_their_depth() -> None:
    diff = "@@ @@\n \tdef forward(self, x):\n+\t\tif x.ndim == 3:\n+\t\t\tx = x[None]\n \t\tx = self.act(self.a(x))\n"
    assert "        if x.ndim == 3:\n            x = x[None]\n        x = self" in applied(diff)


def test_an_exact_place_beats_a_nearer_one_that_differs_in_white_space() -> None:
    base = "if a:\n    x = 1\nx = 1\n"
    assert applied("@@ -1 +1 @@\n-x = 1\n+x = 2\n", base) == "if a:\n    x = 1\nx = 2\n"


def test_an_application_up_to_white_space_that_breaks_the_program_is_refused() -> None:
    assert "is no Python" in refused("@@ @@\n-   self.act=nn.ReLU()\n+   self.act = nn.ReLU(\n").reason


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_line_endings_of_the_baseline_are_kept(ending: str) -> None:
    other = "\r\n" if ending == "\n" else "\n"
    assert applied(WIDER_DIFF.replace("\n", other), BASE.replace("\n", ending)) == WIDER.replace("\n", ending)


def test_context_lines_without_their_leading_space_are_read() -> None:
    diff = "@@ @@\nimport torch\n-from torch import nn\n+from torch import nn, Tensor\n\n\nclass Net(nn.Module):\n"
    assert applied(diff) == BASE.replace("import nn", "import nn, Tensor")


@pytest.mark.parametrize("line", ["        self.act = nn.ReLU6()", "        self.act = nn.ReLU(", "        # act"])
def test_context_that_differs_otherwise_is_refused(line: str) -> None:
    error = refused(WIDER_DIFF.replace("         self.act = nn.ReLU()", " " + line, 1))
    assert error.status == Status.PATCH_FAILED
    assert line.strip() in error.reason


def test_removed_lines_that_do_not_stand_there_are_refused() -> None:
    assert "nn.Conv2d(16, 31, 3)" in refused(WIDER_DIFF.replace("16, 32", "16, 31")).reason


def test_lines_that_stand_apart_do_not_match_together() -> None:
    diff = "@@ @@\n import torch\n-        super().__init__()\n+        pass\n"
    assert refused(diff).reason == "its lines are in the baseline, but not together in this order"


@pytest.mark.parametrize("dots", [" ...", "...", "         # ... ", " # ... existing code ...", " …"])
def test_an_elision_skips_lines(dots: str) -> None:
    diff = (
        f"@@ @@\n     def forward(self, x):\n{dots}\n-        return self.head(x)\n+        return self.head(x) * 2\n"
    )
    assert applied(diff) == BASE.replace("self.head(x)", "self.head(x) * 2")


def test_what_follows_an_elision_must_stand_behind_it() -> None:
    refused("@@ @@\n     def forward(self, x):\n ...\n-        super().__init__()\n+        pass\n")


def test_dots_that_the_baseline_has_are_context() -> None:
    base = "class A:\n    ...\n\n\nclass B:\n    ...\n"
    assert applied("@@ @@\n class B:\n-    ...\n+    x = 1\n", base) == "class A:\n    ...\n\n\nclass B:\n    x = 1\n"


def test_removed_dots_are_refused() -> None:
    refused("@@ @@\n     def forward(self, x):\n-        ...\n+        return x\n")


def test_an_insertion_without_context_needs_a_number() -> None:
    assert applied("@@ -1,0 +2 @@\n+import math\n") == BASE.replace("torch\n", "torch\nimport math\n", 1)
    assert "nothing says where" in refused("@@ @@\n+import math\n").reason
    assert "nothing says where" in refused("@@ -2,3 +2,4 @@\n+import math\n```\n").reason
    assert "nothing says where" in refused("@@ -99,0 +100 @@\n+import math\n").reason


def test_an_insertion_by_number_is_refused_once_the_numbers_have_proved_wrong() -> None:
    assert "nothing says where" in refused(WIDER_HUNK.replace("-9,3", "-5,3") + "@@ -1,0 +2 @@\n+import math\n").reason


def test_blank_context_alone_says_nothing() -> None:
    assert "nothing says where" in refused("@@ @@\n \n+x = 1\n").reason
