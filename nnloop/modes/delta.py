"""mode=delta: a unified diff against the baseline shown (paper B)."""

import difflib
from collections import Counter
from dataclasses import replace

from nnloop.errors import CompletionError
from nnloop.modes import static_guard
from nnloop.modes.pairs import Pair
from nnloop.modes.parse import extract_delta, tidy
from nnloop.modes.render import Task, delta_target, render
from nnloop.patching import blocks
from nnloop.patching.patch import PatchError, apply_patch
from nnloop.patching.source import split_lines
from nnloop.records import Network, Prompt, Status, candidate_id

MAX_CHANGED = 0.6
"""Share of the target's lines that a pair may change: beyond it, a diff is a rewrite in disguise."""


class Delta:
    name = "delta"

    def __init__(
        self, diff_context: int, diff_line_numbers: bool, edit_format: str = "unified", tolerant: bool = False
    ) -> None:
        """Ask for edits in `edit_format`, unified or search_replace; answers in either are taken."""
        self.tolerant = tolerant
        self._context = diff_context
        self._line_numbers = diff_line_numbers
        self._blocks = edit_format == "search_replace"

    def prompt(self, baseline: Network, task: Task, context: str = "") -> Prompt:
        prompt = render("search_replace" if self._blocks else self.name, baseline, task, context)
        return replace(prompt, mode=self.name)

    def code(self, text: str, baseline: str) -> str:
        """Apply the diff of a completion. Raises CompletionError."""
        try:
            code = tidy(apply_patch(tidy(baseline), extract_delta(text)).source)
        except PatchError as error:
            raise CompletionError(Status(error.kind), error.reason) from None
        static_guard.check(code)
        if guarded_id(code) == guarded_id(baseline):
            raise CompletionError(Status.NO_CHANGE, "only comments, docstrings or formatting change")
        return code

    def pair(self, baseline: Network, better: Network, task: Task) -> Pair:
        target = self._target(baseline.code, better.code)
        return Pair(self.prompt(baseline, task).text, target, baseline.id, better.id)

    def _target(self, old: str, new: str) -> str:
        if self._blocks:
            return f"<delta>\n{blocks.from_diff(delta_target(old, new, self._context, line_numbers=False))}</delta>"
        return delta_target(old, new, self._context, self._line_numbers)

    def suits(self, baseline: str, better: str) -> bool:
        """Whether the way from one to the other is a delta: at most MAX_CHANGED of the lines change."""
        old, new = split_lines(baseline), split_lines(better)
        limit = MAX_CHANGED * len(new)
        if max(len(old), len(new)) - (Counter(old) & Counter(new)).total() > limit:
            return False  # cheaply: no more lines can stay than both have
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        same = sum(block.size for block in matcher.get_matching_blocks())
        return 0 < max(len(old), len(new)) - same <= limit


def guarded_id(code: str) -> str:
    """Identify a network; raises CompletionError where the source nests too deeply to be written down again."""
    try:
        return candidate_id(code)
    except (RecursionError, MemoryError):
        raise CompletionError(Status.UNPARSEABLE, "nested too deeply") from None
