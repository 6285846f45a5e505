"""Patching, the rest of the table: several hunks, cut-off and hostile diffs, the canonical diff, the command."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edits import (
    BASE,
    WIDER,
    WIDER_BODY,
    WIDER_DIFF,
    WIDER_HUNK,
    applied,
    edited,
    outcome,
    refused,
    seed_sources,
    unified,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nnloop.patching import patch
from nnloop.patching.patch import PatchError, apply_patch
from nnloop.patching.source import split_lines
from nnloop.records import Status

HEAD_HUNK = """\
@@ -15,2 +15,2 @@
         x = self.act(self.a(x))
-        return self.head(x)
+        return self.head(x) * 2
"""


def test_hunks_out_of_order_are_each_placed() -> None:
    assert applied(HEAD_HUNK + WIDER_HUNK) == applied(WIDER_HUNK + HEAD_HUNK) == WIDER.replace("head(x)", "head(x) * 2")


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
    assert [hunk.how for hunk in patched.hunks] == ["exact", "exact", "repeated"]
    assert applied(WIDER_HUNK * 2) == WIDER


def test_a_hunk_repeated_with_its_number_is_dropped() -> None:
    act = "@@ -9 +9 @@\n-        self.act = nn.ReLU()\n+        self.act = nn.SiLU()\n"
    assert applied(act * 2) == BASE.replace("ReLU", "SiLU", 1)


@pytest.mark.parametrize(
    "end",
    ["-        self.b = nn.Conv2d(16, 32, 3)\n", "+        self.b = nn.Conv2d(16, 64, 3)\n", "+        self.b = nn.Co"],
)
def test_a_diff_cut_off_inside_a_hunk_is_refused(end: str) -> None:
    cut = WIDER_DIFF[: WIDER_DIFF.index(end[:20]) + len(end)]
    assert refused(cut).reason.startswith("cut off")


def test_nothing_is_applied_in_part() -> None:
    assert refused(WIDER_HUNK + "@@ @@\n-nowhere\n+x\n").reason == "hunk 2 of 2: the baseline has no line 'nowhere'"


def test_a_hunk_without_a_change_is_ignored() -> None:
    assert applied("@@ -1,2 +1,2 @@\n import torch\n import numpy\n" + WIDER_HUNK) == WIDER


@pytest.mark.parametrize(
    "diff",
    [
        "@@ -1 +1 @@\n-import torch\n+import torch\n",
        "@@ -1,2 +1,2 @@\n import torch\n from torch import nn\n",
        "@@ -1 +1 @@\n-import torch\n+import torch\n" + "@@ @@\n-import torch\n+import torch\n",
    ],
)
def test_a_diff_that_changes_nothing_is_no_change(diff: str) -> None:
    assert refused(diff).status == Status.NO_CHANGE


@pytest.mark.parametrize(
    "diff", ["", "\n", "no diff at all", "--- a\n+++ b\n", "@@ @@\n", "GIT binary patch\nliteral 3\n"]
)
def test_a_text_without_hunks_is_refused(diff: str) -> None:
    assert refused(diff).status == Status.PATCH_FAILED


@pytest.mark.parametrize("base", ["", "x = 1", "x = 1\n", "x = 1\n\n"])
def test_a_file_without_a_last_newline_can_be_extended(base: str) -> None:
    lines = len(split_lines(base))
    assert applied(f"@@ -{lines},0 +{lines + 1} @@\n+y = 2\n", base).splitlines()[-1] == "y = 2"


def test_changes_around_a_last_line_without_newline_come_together() -> None:
    assert applied("@@ -1,1 +1,3 @@\n+b\n a\n+c\n", "a") == "b\na\nc\n"
    assert apply_patch("a", "@@ -1,1 +1,3 @@\n+b\n a\n+c\n").canonical.endswith(
        "\n-a\n\\ No newline at end of file\n+b\n+a\n+c\n"
    )
    assert applied("@@ -1 +1 @@\n-a\n+b\n@@ -1,0 +2 @@\n+c\n", "a") == "b\nc\n"


HOSTILE = {
    "megabyte of one line": "@@ -1 +1 @@\n-" + "a" * 1_000_000 + "\n+b\n",
    "10,000 hunks": WIDER_HUNK * 10_000,
    "10,000 hunks without numbers": "@@ @@\n-        self.act = nn.ReLU()\n+        pass\n" * 10_000,
    "100,000 context lines": "@@ @@\n" + "         self.act = nn.ReLU()\n" * 100_000 + "+x\n",
    "100,000 added lines": "@@ -1,0 +2 @@\n" + "+import torch\n" * 100_000,
    "100,000 elisions": "@@ @@\n" + " ...\n" * 100_000 + "+x\n",
    "100,000 headers": "@@ -1 +1 @@\n" * 100_000,
    "50,000 files": "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n" * 50_000,
    "half a megabyte of blanks": "@@ @@\n-x" + " " * 500_000 + "...!\n+y\n" + "\n" * 500_000,
    "NUL bytes": "@@ @@\n-import torch\n+import\0torch\0\n",
    "lone surrogates": "@@ @@\n-import torch\n+import \ud800\udfff\n",
    "surrogates in a header": "--- a/\ud800\n+++ b/\udfff\n@@ -1 +1 @@\n-import torch\n+import math\n",
    "backslashes": "@@ @@\n" + "\\\n" * 100_000 + "-import torch\n+import math\n\\ x\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_ends_soon(name: str) -> None:
    start = time.process_time()
    result = outcome(BASE, HOSTILE[name])
    assert time.process_time() - start < 5
    if isinstance(result, PatchError):
        assert len(result.reason) < 300
        assert "\n" not in result.reason


def test_a_repetitive_baseline_does_not_take_quadratic_time() -> None:
    base = "x = 1\n" * 20_000
    hunk = "@@ @@\n" + " x = 1\n" * 10_000 + "-y\n+z\n"
    start = time.process_time()
    with pytest.raises(PatchError):
        apply_patch(base + "y\n" + base, hunk.replace("-y", " x = 1\n-y\n x = 2") * 3)
    assert time.process_time() - start < 3


lines = st.sampled_from(["a\n", "b\n", "    c\n", "\n", "x = 1\n", "...\n", "-- d\n", "++ e\n", "@@ -1 +1 @@\n"])


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=12), st.text(alphabet=" +-@\\.,ab1\n\t\r", max_size=120))
def test_any_text_is_applied_or_refused_with_a_reason(base: list[str], text: str) -> None:
    result = outcome("".join(base), text)
    if isinstance(result, PatchError):
        assert result.status in (Status.PATCH_FAILED, Status.NO_CHANGE)
        assert result.reason
    else:
        assert result.source != "".join(base)
        assert applied(result.canonical, "".join(base)) == result.source


def test_the_canonical_diff_is_what_was_applied() -> None:
    sloppy = f"@@ ... @@\n{WIDER_BODY}".replace("        ", "\t")
    assert (
        apply_patch(BASE, sloppy).canonical
        == """\
--- a/net.py
+++ b/net.py
@@ -7,7 +7,7 @@
         super().__init__()
         self.a = nn.Conv2d(3, 16, 3)
         self.act = nn.ReLU()
-        self.b = nn.Conv2d(16, 32, 3)
+        self.b = nn.Conv2d(16, 64, 3)
         self.act = nn.ReLU()
         self.head = nn.Linear(32, 10)
 
"""
    )


def test_the_command_prints_the_result_or_the_reason(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    base, good, bad = tmp_path / "net.py", tmp_path / "good.diff", tmp_path / "bad.diff"
    base.write_text(BASE)
    good.write_text(WIDER_DIFF)
    bad.write_text(WIDER_DIFF.replace("ReLU", "GELU"))
    assert patch.main([str(base), str(good)]) == 0
    assert capfdbinary.readouterr().out.decode() == WIDER
    assert patch.main([str(base), str(bad)]) == 1
    assert capfdbinary.readouterr().err.decode().startswith("patch_failed: the baseline has no line")
    assert patch.main([str(base), str(tmp_path / "none")]) == 2


def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(BASE)
    (tmp_path / "x.diff").write_text(WIDER_DIFF)
    command = [sys.executable, "-W", "error", "-m", "nnloop.patching.patch", "net.py", "x.diff"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, WIDER, "")


def _batch(rng: random.Random, count: int) -> list[tuple[str, str, str]]:
    """(baseline, target, correct diff) of files f0.py, f1.py, ..."""
    sources, cases = seed_sources(), []
    while len(cases) < count:
        old, new = edited(rng.choice(sources), rng)
        if old != new and new:
            cases.append((old, new, unified(old, new, rng.randint(0, 3), f"f{len(cases)}.py")))
    return cases


def _apply_all(command: list[str], folder: Path, bases: list[str], diffs: list[str]) -> list[bytes]:
    folder.mkdir()
    for number, base in enumerate(bases):
        (folder / f"f{number}.py").write_bytes(base.encode())
    subprocess.run(command, cwd=folder, input="".join(diffs).encode(), check=True, capture_output=True)
    return [(folder / f"f{number}.py").read_bytes() for number in range(len(bases))]


GIT = ["git", "apply", "--whitespace=nowarn"]
GNU_PATCH = ["patch", "--binary", "-F0", "-p1", "-s"]


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_correct_diffs_give_what_git_and_gnu_patch_give(tmp_path: Path, count: int) -> None:
    rng = random.Random(count)
    for batch in range(0, count, 100):
        cases = _batch(rng, 100)
        bases, diffs = [old for old, _, _ in cases], [diff for _, _, diff in cases]
        ours = [apply_patch(old, diff) for old, _, diff in cases]
        sources = [patched.source.encode() for patched in ours]
        canonical = [patched.canonical.replace("net.py", f"f{number}.py") for number, patched in enumerate(ours)]
        folder = tmp_path / str(batch)
        folder.mkdir()
        assert sources == [new.encode() for _, new, _ in cases]
        assert sources == _apply_all([*GIT, "--unidiff-zero"], folder / "git", bases, diffs)
        assert sources == _apply_all(GNU_PATCH, folder / "patch", bases, diffs)
        assert sources == _apply_all(GIT, folder / "canonical", bases, canonical)
        assert sources == _apply_all(GNU_PATCH, folder / "canonical-patch", bases, canonical)
