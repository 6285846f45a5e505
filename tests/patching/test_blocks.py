"""SEARCH/REPLACE blocks: read, placed and refused like the hunks of a diff."""

import time

import pytest
from edits import BASE, WIDER, applied, outcome, refused, seed_sources

from nnloop.modes.parse import extract_delta
from nnloop.modes.render import delta_target
from nnloop.patching import blocks
from nnloop.patching.patch import apply_patch


def block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


B = "        self.b = nn.Conv2d(16, {}, 3)\n"
WIDER_BLOCK = block(B.format(32), B.format(64))
ACT = "        self.act = nn.ReLU()\n"


@pytest.mark.parametrize(
    "text",
    [
        WIDER_BLOCK,
        f"net.py\n{WIDER_BLOCK}",
        f"<delta>\n{WIDER_BLOCK}</delta>",
        f"I make it wider:\n\n```python\n{WIDER_BLOCK}```\n\n- It is wider.\n",
        block(ACT + B.format(32) + ACT, ACT + B.format(64) + ACT),
        WIDER_BLOCK.replace("        ", ""),
        WIDER_BLOCK.replace("\n", "\r\n"),
        WIDER_BLOCK.replace("<<<<<<< SEARCH", "<<<<<<<SEARCH").replace(">>>>>>> REPLACE", ">>>>>>>"),
        WIDER_BLOCK.replace("SEARCH", "HEAD").replace("REPLACE", "new"),
        WIDER_BLOCK * 2,
    ],
)
def test_a_block_replaces_the_lines_that_it_names(text: str) -> None:
    assert applied(extract_delta(text)) == WIDER


def test_blocks_may_share_lines_that_they_keep() -> None:
    other = block("        self.a = nn.Conv2d(3, 16, 3)\n" + ACT, "        self.a = nn.Conv2d(3, 16, 5)\n" + ACT)
    assert applied(other + block(ACT + B.format(32), ACT + B.format(64))) == WIDER.replace("3, 16, 3", "3, 16, 5")


def test_lines_are_deleted_and_inserted() -> None:
    assert applied(block(B.format(32), "")) == BASE.replace(B.format(32), "")
    assert applied(block("import torch\n", "import math\nimport torch\n")) == "import math\n" + BASE


def test_the_result_is_that_of_a_diff() -> None:
    patched = apply_patch(BASE, WIDER_BLOCK)
    assert [(each.line, each.how, each.offset) for each in patched.placements] == [(10, "exact", None)]
    assert patched.source == WIDER


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (block("nowhere\n", "x\n"), "the source has no line 'nowhere'"),
        (block("", "x = 1\n"), "it only adds lines, and nothing says where"),
        (WIDER_BLOCK.split("=")[0], "cut off: the last block has no end"),
        (WIDER_BLOCK.split(">")[0], "cut off: the last block has no end"),
        (WIDER_BLOCK.split(">")[0] + WIDER_BLOCK, "a block has no end"),
        (WIDER_BLOCK + block("nowhere\n", "x\n"), "hunk 2 of 2: the source has no line 'nowhere'"),
    ],
)
def test_a_block_that_does_not_fit_or_end_is_refused(text: str, reason: str) -> None:
    assert refused(text).reason == reason


def test_a_block_that_changes_nothing_is_no_change() -> None:
    assert refused(block(ACT, ACT)).kind == "no_change"


def test_blocks_written_from_a_diff_lead_to_the_same_network() -> None:
    sources = seed_sources()
    for old, new in zip(sources, [*sources[3:], *sources[:3]], strict=True):
        assert applied(blocks.from_diff(delta_target(old, new, context_lines=1, line_numbers=False)), old) == new


@pytest.mark.parametrize("line", ["<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", WIDER_BLOCK, block("", "")])
def test_hostile_blocks_end_soon(line: str) -> None:
    start = time.process_time()
    outcome(BASE, "<<<<<<< SEARCH\n" + line * 20_000)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "piece", ["<search>\n", "<search> ", "SEARCH:\n```\n", "SEARCH:\n```\na\n```\n", "</search>\n\n"]
)
def test_hostile_pairs_end_soon(piece: str) -> None:
    start = time.process_time()
    blocks.present(piece * (200_000 // len(piece)))
    assert time.process_time() - start < 2
