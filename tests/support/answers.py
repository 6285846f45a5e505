"""Answers of the shapes that LLMs write, with what becomes of each.

The network asked about is `edits.BASE`; what every taken answer means is `edits.WIDER`. Rows are named for
the shape; the comment before a section says who writes such.
"""

import textwrap
from dataclasses import dataclass

from edits import BASE, WIDER, WIDER_BODY, WIDER_DIFF, WIDER_HUNK

from nnloop.records import Status

UNPARSEABLE, TRUNCATED, PATCH_FAILED, NO_CHANGE = (
    Status.UNPARSEABLE,
    Status.TRUNCATED,
    Status.PATCH_FAILED,
    Status.NO_CHANGE,
)


@dataclass(frozen=True)
class Case:
    """One answer; `status` and `reason` (a regular expression) if it is refused."""

    shape: str
    text: str
    status: Status | None = None
    reason: str = ""
    mode: str = "delta"
    cut: bool = False
    fuzz: int = 0
    rewrites: bool = False


OLD, NEW = "        self.b = nn.Conv2d(16, 32, 3)\n", "        self.b = nn.Conv2d(16, 64, 3)\n"
ACT = "        self.act = nn.ReLU()\n"
DELTA = f"<delta>\n{WIDER_DIFF}</delta>"
DRAFT = "<delta>\n@@ @@\n-import torch\n+import torch, math\n</delta>"
DEEPER = BASE.replace("16", "24")
TREES = "class Tree(nn.Module):\n    def forward(self, x):\n        return x\n\n\n"


def block(
    old: str, new: str, search: str = "<<<<<<< SEARCH", divider: str = "=======", end: str = ">>>>>>> REPLACE"
) -> str:
    return f"{search}\n{old}{divider}\n{new}{end}\n"


def swapped(old: str, new: str, text: str = WIDER_DIFF) -> str:
    assert old in text
    return text.replace(old, new)


# Unified diffs: Qwen2.5-Coder, DeepSeek-Coder, Llama, Mistral, hosted models.
DIFFS = [
    Case("as asked for", DELTA),
    Case("a sentence that names the tags", f"Here is the unified diff, between <delta> and </delta>:\n\n{DELTA}\n"),
    Case("tags inside a fence", f"```diff\n{DELTA}\n```"),
    Case("a fence inside tags", f"<delta>\n```diff\n{WIDER_DIFF}```\n</delta>\n\nThis should help."),
    Case(
        "a fence, prose around it", f"Sure!\n\n```diff\n{WIDER_DIFF}```\n\n**Why**\n- It is wider.\n- It is simple.\n"
    ),
    Case("the parent, then the diff", f"The code:\n```python\n{BASE}```\nThe change:\n```diff\n{WIDER_DIFF}```\n"),
    Case("the diff, then the whole result", f"```diff\n{WIDER_DIFF}```\nThe whole code:\n```python\n{WIDER}```\n"),
    Case("a numbered list around a fence", f"1. Widen it:\n\n   ```diff\n{textwrap.indent(WIDER_DIFF, '   ')}   ```\n"),
    Case("no tags, no fence", f"I widen the second layer.\n\n{WIDER_DIFF}"),
    Case("git's headers", f"<delta>\ndiff --git a/net.py b/net.py\nindex 1..2 100644\n{WIDER_DIFF}</delta>"),
    Case("a hunk header without numbers", f"<delta>\n@@ @@\n{WIDER_BODY}</delta>"),
    Case("dots in the hunk header", f"<delta>\n--- net.py\n+++ net.py\n@@ ... @@\n{WIDER_BODY}</delta>"),
    Case("a class in the hunk header", f"<delta>\n@@ class Net(nn.Module): @@\n{WIDER_BODY}</delta>"),
    Case("--- without +++ and @@", f"<delta>\n--- a/net.py\n{WIDER_BODY}</delta>"),
    Case("+++ without --- and @@", f"<delta>\n+++ b/net.py\n{WIDER_BODY}</delta>"),
    Case("--- without +++", f"<delta>\n--- net.py\n{WIDER_HUNK}</delta>"),
    Case("--- and +++ on one line", f"<delta>\n--- a/net.py +++ b/net.py\n{WIDER_HUNK}</delta>"),
    Case("neither header nor hunk header", f"<delta>\n-{OLD}+{NEW}</delta>"),
    Case("wrong counts at the answer's end", swapped("@@ -9,3 +9,3 @@", "@@ -9,7 +9,7 @@").removesuffix(f" {ACT}")),
    Case("wrong counts in a fence that is not closed", "```diff\n" + swapped("9,3", "9,8").removesuffix(f" {ACT}")),
    Case("context without its space", swapped(f" {ACT}", ACT)),
    Case("a comment on a context line", swapped(ACT, ACT.replace("\n", "  # the activation\n"))),
    Case("a comment on the removed line", swapped(OLD, OLD.replace("\n", "  # too narrow\n"))),
    Case(
        "a comment on the context and a changed one",
        swapped(ACT, ACT.replace("ReLU()\n", "GELU()  # x\n")),
        PATCH_FAILED,
        r"^the source has no line 'self\.act = nn\.GELU\(\)  # x': line 9 is 'self\.act = nn\.ReLU\(\)'$",
    ),
    Case("non-breaking spaces", DELTA.replace(" nn", "\u00a0nn").replace("(16, ", "(16,\u00a0")),
    Case("non-breaking spaces everywhere", swapped(" ", "\u00a0", WIDER_BODY)),
    Case("narrow non-breaking spaces in the indentation", swapped("        ", "\u202f" * 8)),
    Case("a byte-order mark before the header", "\ufeff@@ -9,3 +9,3 @@\n" + WIDER_BODY),
    Case("a byte-order mark before the tag", f"\ufeff{DELTA}"),
    Case("a byte-order mark in the fence", f"```diff\n\ufeff{WIDER_DIFF}```"),
    Case("tabs for spaces", swapped("        ", "\t\t")),
    Case("carriage returns", DELTA.replace("\n", "\r\n")),
    Case("an elision", f"<delta>\n@@ @@\n class Net(nn.Module):\n ...\n-{OLD}+{NEW}</delta>"),
    Case("old tags first", f'<hp>{{"lr": 0.1}}</hp>\n<tr>\nNone\n</tr>\n{DELTA}'),
    Case("two drafts, the last one holds", f"{DRAFT}\nNo, rather:\n{DELTA}"),
    Case("the tag named behind the answer", f"{DELTA}\nThe diff stands between <delta> and </delta>."),
    Case("the tags shown as a form", f"The form is:\n<delta>\n...\n</delta>\nMy answer:\n{DELTA}"),
]

# Reasoning models: R1 and its distills, QwQ, Qwen3, Magistral, gpt-oss, models told to think aloud.
REASONED = [
    Case("a thought with a draft", f"<think>\nMaybe\n{DRAFT}\nNo.\n</think>\n\n{DELTA}"),
    Case("an empty thought", f"<think>\n\n</think>\n\n{DELTA}"),
    Case("a thought that the prompt began", f"I could write\n{DRAFT}\nbut no.\n</think>\n{DELTA}"),
    Case("a thought, the answer on its last line", f"<thinking>{DRAFT}</thinking>{DELTA}"),
    Case("a thought in square brackets", f"[THINK]{DRAFT}[/THINK]{DELTA}"),
    Case("reasoning in tags", f"<reasoning>\n{DRAFT}\n</reasoning>\n{DELTA}"),
    Case(
        "a channel for the thought",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{DELTA}",
    ),
    Case("a thought alone", f"<think>\n{DELTA}\n</think>\n", UNPARSEABLE, "^no diff in the answer$"),
    Case("a thought that never ends", f"<think>\n{DELTA}\n", UNPARSEABLE, "^its thought never ends: '<think>"),
    Case("a thought that the limit cut", f"<think>\n{DELTA}\n", TRUNCATED, "limit.*inside its thought$", cut=True),
    Case("a program behind a thought", f"<think>\n<nn>\n{DEEPER}</nn>\n</think>\n<nn>\n{WIDER}</nn>", mode="full"),
    Case(
        "a program in a thought alone",
        f"<think>\n<nn>\n{DEEPER}</nn>\n</think>",
        UNPARSEABLE,
        "no class Net",
        mode="full",
    ),
]

# SEARCH/REPLACE: aider, Cline, Roo Code, and what models make of it.
BLOCKS = [
    Case("a block", f"<delta>\n{block(OLD, NEW)}</delta>"),
    Case("a file name before the block", f"net.py\n```python\n{block(OLD, NEW)}```"),
    Case("a bracket behind SEARCH", block(OLD, NEW, "<<<<<<< SEARCH>", end=">>>>>>> REPLACE>")),
    Case("a file name behind SEARCH", block(OLD, NEW, "<<<<<<< SEARCH net.py")),
    Case(
        "a colon and a file name behind SEARCH",
        block(OLD, NEW, "<<<<<<< SEARCH: net.py", end=">>>>>>> REPLACE: net.py"),
    ),
    Case("small letters", block(OLD, NEW, "<<<<<<< search", end=">>>>>>> replace")),
    Case("conflict marks", block(OLD, NEW, "<<<<<<< HEAD", end=">>>>>>> wider")),
    Case("ORIGINAL and UPDATED", block(OLD, NEW, "<<<<<<< ORIGINAL", end=">>>>>>> UPDATED")),
    Case("dashes and pluses", block(OLD, NEW, "------- SEARCH", end="+++++++ REPLACE")),
    Case("line numbers and dashes behind SEARCH", block(":start_line:10\n-------\n" + OLD, NEW)),
    Case("another divider before the end", block(OLD, f"{NEW}=======\n")),
    Case("another divider behind the divider", block(OLD, f"=======\n{NEW}")),
    Case("a divider for the end", f"<delta>\n{block(OLD, NEW, end='=======')}</delta>"),
    Case("two versions of the new lines", block(OLD, f"{NEW}=======\n{OLD}"), PATCH_FAILED, "several dividers"),
    Case("three versions", block(f"{OLD}||||||| base\n{OLD}", NEW), PATCH_FAILED, "three versions"),
    Case("no divider", f"<<<<<<< SEARCH\n{OLD}{NEW}>>>>>>> REPLACE\n", PATCH_FAILED, "a block has no divider"),
    Case("no end", f"<<<<<<< SEARCH\n{OLD}=======\n{NEW}", PATCH_FAILED, "the last block has no end"),
    Case("part of a line", block("nn.Conv2d(16, 32, 3)\n", "nn.Conv2d(16, 64, 3)\n")),
    Case("part of a line, indented", block("    nn.Conv2d(16, 32\n", "    nn.Conv2d(16, 64\n")),
    Case("the end of one line and the next", block("= nn.ReLU()\n" + OLD, "= nn.ReLU()\n" + NEW)),
    Case(
        "part of several lines",
        block("nn.ReLU()\n", "nn.SiLU()\n"),
        PATCH_FAILED,
        "'nn.ReLU\\(\\)' is a part of 2 lines",
    ),
    Case(
        "part of a word",
        block("Conv2d(16, 3\n", "Conv2d(16, 6\n"),
        PATCH_FAILED,
        "^the source has no line 'Conv2d\\(16, 3'",
    ),
    Case(
        "a part whose change is no Python",
        block("nn.Conv2d(16, 32, 3)\n", "nn.Conv2d((16, 64, 3)\n"),
        PATCH_FAILED,
        "is no Python",
    ),
    Case("nothing to search", block("", NEW), PATCH_FAILED, "nothing says where"),
    Case("tags for search and replace", f"<search>\n{OLD}</search>\n<replace>\n{NEW}</replace>\n"),
    Case("tags for old and new", f"<delta>\n<old_str>\n{OLD}</old_str>\n<new_str>\n{NEW}</new_str>\n</delta>"),
    Case(
        "a block among a tool's tags",
        f"<replace_in_file>\n<path>net.py</path>\n<diff>\n{block(OLD, NEW)}</diff>\n</replace_in_file>",
    ),
]

STEP = "*** Begin Patch\n*** Update File: net.py\n"
# Codex's apply_patch, and formats that are no diff of ours.
OTHERS = [
    Case("apply_patch", f"{STEP}@@ class Net(nn.Module):\n{WIDER_BODY}*** End Patch"),
    Case(
        "apply_patch, several headers",
        f"{STEP}@@ class Net(nn.Module):\n@@     def __init__(self):\n{WIDER_BODY}*** End Patch\n",
    ),
    Case("apply_patch without a header", f"{STEP}{WIDER_BODY}*** End Patch\n"),
    Case(
        "apply_patch, the first hunk without a header",
        f"{STEP}-{OLD}+{NEW}@@ class Net(nn.Module):\n     def forward(self, x):\n*** End of File\n*** End Patch\n",
    ),
    Case("apply_patch in tags and a fence", f"<delta>\n```\n{STEP}@@\n{WIDER_BODY}*** End Patch\n```\n</delta>"),
    Case(
        "apply_patch that adds a file",
        "*** Begin Patch\n*** Add File: net.py\n+import torch\n*** End Patch\n",
        PATCH_FAILED,
        "it creates a file",
    ),
    Case(
        "apply_patch that deletes the file",
        "*** Begin Patch\n*** Delete File: net.py\n*** End Patch\n",
        PATCH_FAILED,
        "it deletes the file",
    ),
    Case(
        "a context diff",
        f"*** net.py\n--- net.py\n***************\n*** 10 ****\n! {OLD}--- 10 ----\n! {NEW}",
        PATCH_FAILED,
        "a context diff",
    ),
    Case("a normal diff", f"10c10\n< {OLD}---\n> {NEW}", UNPARSEABLE, "no diff in the answer"),
    Case("a tool call in JSON", '{"command": "str_replace", "old_str": "32", "new_str": "64"}', UNPARSEABLE, "no diff"),
    Case("advice", "You could:\n- widen it\n- deepen it\n", UNPARSEABLE, "no diff"),
    Case("a refusal", "I can't help with that.", UNPARSEABLE, "no diff"),
    Case("nothing", "", UNPARSEABLE, "no diff"),
    Case(
        "a line that is not there",
        swapped("16, 32", "16, 31", DELTA),
        PATCH_FAILED,
        r"^the source has no line 'self\.b = nn\.Conv2d\(16, 31, 3\)': line 10 is 'self\.b = nn\.Conv2d\(16, 32, 3\)'$",
    ),
    Case("no change", f"<delta>\n@@ @@\n-{OLD}+{OLD}</delta>", NO_CHANGE),
    Case(
        "two alternatives",
        f"Option 1:\n```diff\n-{OLD}+{NEW}```\nOption 2:\n```diff\n-{OLD}+{OLD.replace('32', '48')}```",
        PATCH_FAILED,
        "changes lines that an earlier hunk changes",
    ),
]

WRONG_HEAD = f"<delta>\n@@ @@\n         self.act = nn.GELU()\n-{OLD}+{NEW}</delta>"
# Settings, and answers that the token limit cut.
SETTINGS = [
    Case("outer context that differs, without fuzz", WRONG_HEAD, PATCH_FAILED, "no line 'self.act = nn.GELU"),
    Case("outer context that differs, with fuzz", WRONG_HEAD, fuzz=2),
    Case(
        "several places, with fuzz",
        f"<delta>\n@@ @@\n nowhere\n-{ACT}+{NEW}</delta>",
        PATCH_FAILED,
        "fits in 2 places",
        fuzz=2,
    ),
    Case(
        "a whole program",
        f"```python\n{WIDER}```",
        UNPARSEABLE,
        r"^a whole program instead of a diff \(mode\.rewrites=false\)$",
    ),
    Case("a whole program in tags", f"<delta>\n{WIDER}</delta>", UNPARSEABLE, "^a whole program instead of a diff"),
    Case("a whole program, if that is taken", f"```python\n{WIDER}```", rewrites=True),
    Case(
        "a whole program behind the parent, if that is taken",
        f"```python\n{WIDER}```\nBefore:\n```python\n{BASE}```",
        rewrites=True,
    ),
    Case("the parent again, if programs are taken", f"```python\n{BASE}```", NO_CHANGE, rewrites=True),
    Case("half a program, if programs are taken", f"```python\n{WIDER[:300]}", UNPARSEABLE, "no diff", rewrites=True),
    Case("a diff that the limit cut", DELTA[:-30], TRUNCATED, "token limit", cut=True),
    Case("a diff that the limit cut between its hunks", f"<delta>\n{WIDER_HUNK}", TRUNCATED, "token limit", cut=True),
    Case(
        "a fenced diff, and prose that the limit cut", f"```diff\n{WIDER_DIFF}```\nIt is", TRUNCATED, "limit", cut=True
    ),
    Case("a tagged diff, and prose that the limit cut", f"{DELTA}\nIt is", cut=True),
    Case("a second diff that the limit cut", f"{DELTA}\nBetter:\n<delta>\n-x", cut=True),
    Case("a program that the limit cut", f"<nn>\n{WIDER}", TRUNCATED, "token limit", mode="full", cut=True),
    Case("a fenced program, and prose that the limit cut", f"```python\n{WIDER}```\nIt", mode="full", cut=True),
    Case(
        "a second program that the limit cut",
        f"```python\n{WIDER}```\nBetter:\n```python\n{WIDER[:200]}",
        TRUNCATED,
        mode="full",
        cut=True,
    ),
]

# mode=full.
PROGRAMS = [
    Case("a program as asked for", f"<nn>\n{WIDER}</nn>", mode="full"),
    Case(
        "a program, and a sentence that names the tags",
        f"Between <nn> and </nn>:\n<nn>\n{WIDER}</nn>\nThat <nn> is it.",
        mode="full",
    ),
    Case("the parent behind the program", f"```python\n{WIDER}```\nIt was:\n```python\n{BASE}```", mode="full"),
    Case("the parent before the program", f"Given:\n```python\n{BASE}```\nNow:\n```python\n{WIDER}```", mode="full"),
    Case("the parent without its comments", f"<nn>\n{WIDER}</nn>\n<nn>\n# old\n{BASE}</nn>", mode="full"),
    Case("a tagged program before another", f"<nn>\n{WIDER}</nn>\nIn use:\n```python\n{DEEPER}```", mode="full"),
    Case("an empty tag behind the program", f"<nn>\n{WIDER}</nn>\n<nn>\n</nn>", mode="full"),
    Case("non-breaking spaces in the program", f"<nn>\n{WIDER.replace(' = ', chr(160) + '= ')}</nn>", mode="full"),
    Case("a byte-order mark in the program", f"<nn>\n\ufeff{WIDER}</nn>", mode="full"),
    Case("a byte-order mark before the program", f"\ufeff{WIDER}", mode="full"),
    Case("a diff for a program", DELTA, UNPARSEABLE, "^a diff instead of a whole program$", mode="full"),
]

ANSWERS = [*DIFFS, *REASONED, *BLOCKS, *OTHERS, *SETTINGS, *PROGRAMS]
