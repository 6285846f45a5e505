"""Reading hunks: marks, headers, counts and everything that an LLM writes around them."""

import textwrap

import pytest
from edits import (
    BASE,
    WIDER,
    WIDER_BODY,
    WIDER_DIFF,
    WIDER_HUNK,
    applied,
    refused,
)


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


def test_headers_repeated_before_each_hunk_are_one_file() -> None:
    twice = WIDER_DIFF + WIDER_DIFF.replace("9,3", "7,1").replace(
        WIDER_BODY, "-        super().__init__()\n+        pass\n"
    )
    assert applied(twice) == WIDER.replace("super().__init__()", "pass")


@pytest.mark.parametrize("header", ["--- /dev/null\n+++ b/net.py\n", "--- a/net.py\n+++ /dev/null\n"])
def test_creating_or_deleting_the_file_is_refused(header: str) -> None:
    assert refused(header + WIDER_HUNK).kind == "patch_failed"


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


def test_context_lines_without_their_leading_space_are_read() -> None:
    diff = "@@ @@\nimport torch\n-from torch import nn\n+from torch import nn, Tensor\n\n\nclass Net(nn.Module):\n"
    assert applied(diff) == BASE.replace("import nn", "import nn, Tensor")


@pytest.mark.parametrize("dots", [" ...", "...", "         # ... ", " # ... existing code ...", " …"])
def test_an_elision_skips_lines(dots: str) -> None:
    diff = (
        f"@@ @@\n     def forward(self, x):\n{dots}\n-        return self.head(x)\n+        return self.head(x) * 2\n"
    )
    assert applied(diff) == BASE.replace("self.head(x)", "self.head(x) * 2")


def test_dots_that_the_source_has_are_context() -> None:
    base = "class A:\n    ...\n\n\nclass B:\n    ...\n"
    assert applied("@@ @@\n class B:\n-    ...\n+    x = 1\n", base) == "class A:\n    ...\n\n\nclass B:\n    x = 1\n"


def test_removed_dots_are_refused() -> None:
    refused("@@ @@\n     def forward(self, x):\n-        ...\n+        return x\n")


@pytest.mark.parametrize(
    "end",
    ["-        self.b = nn.Conv2d(16, 32, 3)\n", "+        self.b = nn.Conv2d(16, 64, 3)\n", "+        self.b = nn.Co"],
)
def test_a_diff_cut_off_inside_a_hunk_is_refused(end: str) -> None:
    cut = WIDER_DIFF[: WIDER_DIFF.index(end[:20]) + len(end)]
    assert refused(cut).reason.startswith("cut off")
