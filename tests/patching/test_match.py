"""Matching: lines that differ by a comment, fuzz as GNU patch has it, and the reasons for a hunk that fits nowhere."""

import random
import subprocess
from pathlib import Path

import pytest
from edits import BASE, WIDER, WIDER_DIFF, applied, edited, refused, seed_sources, unified

from nnloop.patching.patch import PatchError, apply_patch

SILU = "-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"


@pytest.mark.parametrize("line", [" ", "-"])
@pytest.mark.parametrize("comment", ["  # the second layer", " # it's wide", "#"])
def test_a_comment_behind_a_line_does_not_matter(line: str, comment: str) -> None:
    old = {" ": "         self.act = nn.ReLU()\n-", "-": "-        self.b = nn.Conv2d(16, 32, 3)\n"}[line]
    patched = apply_patch(BASE, WIDER_DIFF.replace(old, old.replace("\n", f"{comment}\n", 1), 1))
    assert patched.source == WIDER
    assert patched.placements[0].how == "comment"


def test_a_comment_that_the_source_has_may_be_left_out_and_stays() -> None:
    base = BASE.replace("self.act = nn.ReLU()\n        self.b", "self.act = nn.ReLU()  # keep\n        self.b")
    assert applied(WIDER_DIFF, base) == base.replace("16, 32", "16, 64")


def test_a_mark_in_a_text_is_no_comment() -> None:
    base = 'a = "x # y"\nb = 1\n'
    assert "x # z" in refused('@@ @@\n a = "x # z"\n-b = 1\n+b = 2\n', base).reason


def test_a_comment_alone_is_a_line_like_others() -> None:
    base = "# one\nx = 1\n# two\nx = 1\n"
    assert applied("@@ @@\n # two\n-x = 1\n+x = 2\n", base) == "# one\nx = 1\n# two\nx = 2\n"


WRONG_HEAD = WIDER_DIFF.replace("         self.act = nn.ReLU()\n-", "         self.act = nn.GELU()\n-", 1)
WRONG_ENDS = WIDER_DIFF.replace("         self.act = nn.ReLU()", "         self.act = nn.GELU()")


@pytest.mark.parametrize("diff", [WRONG_HEAD, WRONG_ENDS, WRONG_ENDS.replace("@@ -9,3 +9,3 @@", "@@ @@")])
def test_fuzz_drops_outer_context_that_differs(diff: str) -> None:
    refused(diff)
    patched = apply_patch(BASE, diff, fuzz=2)
    assert patched.source == WIDER
    assert [each.fuzz for each in patched.placements] == [1]


def test_without_need_nothing_is_dropped() -> None:
    assert [each.fuzz for each in apply_patch(BASE, WIDER_DIFF, fuzz=2).placements] == [0]


@pytest.mark.parametrize(
    "diff",
    [
        WIDER_DIFF.replace("-        self.b = nn.Conv2d(16, 32, 3)", "-        self.b = nn.Conv2d(16, 33, 3)"),
        "@@ @@\n nowhere\n nor here\n-        return self.head(x)\n+        pass\n",
        "@@ -3,2 +3,3 @@\n nowhere\n+import math\n",
        "@@ @@\n nowhere\n+import math\n \n",
    ],
    ids=["a removed line", "more lines than allowed", "nothing is left", "blanks are left"],
)
def test_fuzz_forgives_nothing_else(diff: str) -> None:
    with pytest.raises(PatchError):
        apply_patch(BASE, diff, fuzz=1)


def test_fuzz_applies_nothing_where_the_rest_fits_in_several_places() -> None:
    with pytest.raises(PatchError, match=r"^without 1 of its outer context lines it fits in 2 places$"):
        apply_patch(BASE, "@@ @@\n nowhere\n" + SILU, fuzz=2)
    with pytest.raises(PatchError, match="2 places"):
        apply_patch(BASE, "@@ -7,2 +7,2 @@\n nowhere\n" + SILU, fuzz=2)
    right = apply_patch(BASE, "@@ -8,2 +8,2 @@\n nowhere\n" + SILU, fuzz=2)
    assert right.source == BASE.replace("ReLU", "SiLU", 1)


@pytest.mark.parametrize(
    ("context", "dropped"),
    [((1, 1), (1, 1)), ((3, 3), (1, 1)), ((3, 1), (1, 0)), ((0, 2), (0, 1)), ((2, 0), (1, 0)), ((0, 0), None)],
)
def test_the_longer_context_is_dropped_first(context: tuple[int, int], dropped: tuple[int, int] | None) -> None:
    from nnloop.patching.diff import Hunk, Line
    from nnloop.patching.match import without_outer_context

    lines = [Line(" ", f"a{at}\n") for at in range(context[0])] + [Line("-", "x\n"), Line("+", "y\n")]
    lines += [Line(" ", f"b{at}\n") for at in range(context[1])]
    rest, shift = without_outer_context(Hunk(tuple(lines), 0), 1)
    if dropped is None:
        assert rest is None
    else:
        assert rest is not None
        assert (shift, len(lines) - len(rest.lines) - shift) == dropped


@pytest.mark.parametrize("count", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_whatever_fuzz_applies_is_what_gnu_patch_applies(tmp_path: Path, count: int) -> None:
    rng, sources = random.Random(count), seed_sources()
    agreed = 0
    for number in range(count):
        old, new = edited(rng.choice(sources), rng)
        if "\r" in old + new or not (old.endswith("\n") and new.endswith("\n")):
            continue
        lines = unified(old, new, 3).split("\n")
        outer = [at + 1 for at, line in enumerate(lines) if line.startswith("@@") and lines[at + 1][:1] == " "]
        for at in rng.sample(outer, min(len(outer), 1)):
            lines[at : at + 1] = [" something else"]
        try:
            ours = apply_patch(old, "\n".join(lines), fuzz=2).source
        except PatchError:
            continue
        (tmp_path / f"{number}.py").write_text(old)
        command = ["patch", "--binary", "-F2", "-s", "-f", "-o", "-", str(tmp_path / f"{number}.py")]
        theirs = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
        assert (theirs.returncode, theirs.stdout) == (0, ours), "\n".join(lines)
        agreed += 1
    assert agreed > count / 4


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        ("@@ @@\n-nowhere at all = 7\n+x\n", "the source has no line 'nowhere at all = 7'"),
        (
            "@@ @@\n         self.act = nn.ReLU()\n-        self.b = nn.Conv2d(16, 31, 3)\n+x\n",
            "the source has no line 'self.b = nn.Conv2d(16, 31, 3)': line 10 is 'self.b = nn.Conv2d(16, 32, 3)'",
        ),
        (
            "@@ @@\n-        self.b = nn.Conv2d(16, 31, 3)\n+x\n",
            "the source has no line 'self.b = nn.Conv2d(16, 31, 3)': line 10 is 'self.b = nn.Conv2d(16, 32, 3)'",
        ),
        (
            "@@ -8 +8 @@\n-        pass\n+x\n",
            "the source has no line 'pass': line 8 is 'self.a = nn.Conv2d(3, 16, 3)'",
        ),
        (
            "@@ @@\n import torch\n-        super().__init__()\n+        pass\n",
            "its line 'super().__init__()' does not stand there: line 2 is 'from torch import nn'",
        ),
        (
            "@@ -17,2 +17,1 @@\n         return self.head(x)\n-        super().__init__()\n+        pass\n",
            "its line 'super().__init__()' does not stand there: the source ends before",
        ),
    ],
)
def test_a_hunk_that_fits_nowhere_says_which_line_fails_and_what_stands_there(diff: str, reason: str) -> None:
    assert refused(diff).reason == reason
