"""Patching as a whole: all or nothing, newlines, hostile input, git and GNU patch, the command."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edits import (
    BASE,
    WIDER,
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
    assert refused(WIDER_DIFF + WIDER_DIFF.replace("net.py", "b.py")).reason == "2 files of the diff fit the source"
    assert "'import sys'" in refused(OTHER + OTHER.replace("train.py", "b.py")).reason


def test_an_application_up_to_white_space_that_breaks_the_program_is_refused() -> None:
    assert "is no Python" in refused("@@ @@\n-   self.act=nn.ReLU()\n+   self.act = nn.ReLU(\n").reason


def test_odd_spaces_are_kept_where_the_diff_applies_and_the_program_runs() -> None:
    diff = WIDER_DIFF.replace("(16, 64, 3)", "(16, 64, 3)  # wide\u00a0one")
    assert "wide\u00a0one" in applied(diff)
    quoted = WIDER_DIFF.replace("64, 3)", "64, 3, padding_mode='ze\u00a0ros')").replace(
        "+        self", "+\u00a0       self"
    )
    assert "        self.b = nn.Conv2d(16, 64, 3, padding_mode='ze\u00a0ros')" in applied(quoted)


HEAD_HUNK = """\
@@ -15,2 +15,2 @@
         x = self.act(self.a(x))
-        return self.head(x)
+        return self.head(x) * 2
"""


def test_hunks_out_of_order_are_each_placed() -> None:
    assert applied(HEAD_HUNK + WIDER_HUNK) == applied(WIDER_HUNK + HEAD_HUNK) == WIDER.replace("head(x)", "head(x) * 2")


def test_nothing_is_applied_in_part() -> None:
    assert refused(WIDER_HUNK + "@@ @@\n-nowhere\n+x\n").reason == "hunk 2 of 2: the source has no line 'nowhere'"


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
    assert refused(diff).kind == "no_change"


@pytest.mark.parametrize(
    "diff", ["", "\n", "no diff at all", "--- a\n+++ b\n", "@@ @@\n", "GIT binary patch\nliteral 3\n"]
)
def test_a_text_without_hunks_is_refused(diff: str) -> None:
    assert refused(diff).kind == "patch_failed"


@pytest.mark.parametrize("base", ["", "x = 1", "x = 1\n", "x = 1\n\n"])
def test_a_file_without_a_last_newline_can_be_extended(base: str) -> None:
    lines = len(split_lines(base))
    assert applied(f"@@ -{lines},0 +{lines + 1} @@\n+y = 2\n", base).splitlines()[-1] == "y = 2"


def test_changes_around_a_last_line_without_newline_come_together() -> None:
    assert applied("@@ -1,1 +1,3 @@\n+b\n a\n+c\n", "a") == "b\na\nc\n"
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
    "half a megabyte of odd spaces": "@@ @@\n-import torch\n+import" + "\u00a0" * 500_000 + "math'\n",
    "100,000 blocks": "<<<<<<< SEARCH\nReLU\n=======\nx\n>>>>>>> REPLACE\n" * 20_000,
    "100,000 file headers": "--- a/net.py\n*** Update File: net.py\n" * 50_000,
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


def test_a_repetitive_source_does_not_take_quadratic_time() -> None:
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
        assert result.kind in ("patch_failed", "no_change")
        assert result.reason
    else:
        assert result.source != "".join(base)


def test_the_command_prints_the_result_or_the_reason(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    base, good, bad = tmp_path / "net.py", tmp_path / "good.diff", tmp_path / "bad.diff"
    base.write_text(BASE)
    good.write_text(WIDER_DIFF)
    bad.write_text(WIDER_DIFF.replace("ReLU", "GELU"))
    assert patch.main([str(base), str(good)]) == 0
    assert capfdbinary.readouterr().out.decode() == WIDER
    assert patch.main([str(base), str(bad)]) == 1
    assert capfdbinary.readouterr().err.decode().startswith("patch_failed: the source has no line")
    assert patch.main([str(base), str(tmp_path / "none")]) == 2
    bad.write_text(WIDER_DIFF.replace("         self.act = nn.ReLU()", "         self.act = nn.GELU()", 1))
    assert [patch.main([str(base), str(bad), fuzz]) for fuzz in ("0", "1", "-1", "x")] == [1, 0, 2, 2]


def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(BASE)
    (tmp_path / "x.diff").write_text(WIDER_DIFF)
    command = [sys.executable, "-W", "error", "-m", "nnloop.patching.patch", "net.py", "x.diff"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, WIDER, "")


def _batch(rng: random.Random, count: int) -> list[tuple[str, str, str]]:
    """(source, target, correct diff) of files f0.py, f1.py, ..."""
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


GIT = ["git", "apply", "--whitespace=nowarn", "--unidiff-zero"]
GNU_PATCH = ["patch", "--binary", "-F0", "-p1", "-s"]


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_correct_diffs_give_what_git_and_gnu_patch_give(tmp_path: Path, count: int) -> None:
    rng = random.Random(count)
    for batch in range(0, count, 100):
        cases = _batch(rng, 100)
        bases, diffs = [old for old, _, _ in cases], [diff for _, _, diff in cases]
        sources = [applied(diff, old).encode() for old, _, diff in cases]
        folder = tmp_path / str(batch)
        folder.mkdir()
        assert sources == [new.encode() for _, new, _ in cases]
        assert sources == _apply_all(GIT, folder / "git", bases, diffs)
        assert sources == _apply_all(GNU_PATCH, folder / "patch", bases, diffs)
