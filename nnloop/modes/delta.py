"""mode=delta: the LLM answers with a diff of the parent (paper B)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from nnloop.errors import CompletionError
from nnloop.modes import Reading, static_guard
from nnloop.modes.hyperparameters import read_hp, read_transform, tagged_block
from nnloop.modes.pairs import TrainingPair
from nnloop.modes.parse import extract_code, extract_delta, tidy
from nnloop.modes.render import Task, delta_target, render
from nnloop.modes.templates import Templates, shipped
from nnloop.patching import blocks
from nnloop.patching.patch import PatchError, apply_patch
from nnloop.patching.source import split_lines
from nnloop.records import REWRITE, Network, Prompt, Status

MAX_SHARE = 0.5
"""Tokens of a corpus pair's diff by those of the network that it leads to: a larger diff is a rewrite in disguise."""

NUMBERED, BARE = "--- a/net.py\n+++ b/net.py\n@@ -7 +7 @@", "@@ @@"
"""The headers above the example of a unified diff, as the fine-tune's targets have them."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The mode that asks for edits of the parent in `edit_format` (unified or search_replace), and reads both."""

    diff_context: int  # lines
    diff_line_numbers: bool
    edit_format: str = "unified"
    salvage: bool = False
    rewrites: bool = False  # take a whole program in place of a diff
    hp: str = "off"  # mode.hp: whether hyperparameters and transform stand in prompts and answers, and count
    fuzz: int = 0  # outer context lines that a hunk may lose at an end
    templates: Templates = field(default_factory=lambda: shipped("chat"))
    name: str = "delta"

    @property
    def form(self) -> str:
        """The name of the template that asks."""
        return "search_replace" if self.edit_format == "search_replace" else self.name

    def prompt(self, parent: Network, task: Task, context: str = "") -> Prompt:
        """Ask for an edit of the parent."""
        header = NUMBERED if self.diff_line_numbers else BARE
        return render(self.templates, parent, task, form=self.form, header=header, context=context)

    def read(self, text: str, parent: str, cut: str = "") -> Reading:
        """Apply the diff of a completion. Raises CompletionError."""
        diff = extract_delta(text, cut)
        if not diff:
            return self._rewritten(text, parent, cut)
        try:
            patched = apply_patch(tidy(parent), diff, fuzz=self.fuzz)
        except PatchError as error:
            raise CompletionError(Status(error.kind), error.reason) from None
        code = _checked(tidy(patched.source), parent)
        salvages = ["fuzz"] if any(placement.fuzz for placement in patched.placements) else []
        if self.hp != "used":
            return Reading(code, salvages)
        return Reading(code, salvages, hp=read_hp(text), transform=read_transform(text))

    def _rewritten(self, text: str, parent: str, cut: str) -> Reading:
        """Take a whole program in place of a diff, if mode.rewrites allows it. Raises CompletionError."""
        try:
            code = extract_code(text, parent, cut)
        except CompletionError as error:
            if error.status is Status.TRUNCATED:
                raise
            raise CompletionError(Status.UNPARSEABLE, "no diff in the answer") from None
        if not self.rewrites:
            raise CompletionError(Status.UNPARSEABLE, "a whole program instead of a diff (mode.rewrites=false)")
        return Reading(_checked(code, parent), [REWRITE])

    def pair(self, parent: Network, better: Network, task: Task) -> TrainingPair:
        """Write the example whose completion is the diff between the two."""
        target = self._target(parent.code, better.code)
        if self.hp != "off":
            own = task.on(better)
            target = tagged_block(better.hp or own.hp, better.transform or own.transform) + target
        return TrainingPair(self.prompt(parent, task).text, target, parent=parent.id, target=better.id)

    def suits(self, parent: str, better: str, count: Callable[[str], int]) -> bool:
        """Tell whether an edit leads from one to the other: it takes at most MAX_SHARE of the better one's tokens."""
        old, new = split_lines(parent), split_lines(better)
        written = sum(len(line) * count for line, count in (Counter(new) - Counter(old)).items())
        if old == new or written > 1.5 * MAX_SHARE * len(better):
            return False  # the new lines alone are too much, so nothing need be counted
        return count(self._target(parent, better)) <= MAX_SHARE * count(better)

    def _target(self, parent: str, better: str) -> str:
        """Write the completion that leads from one source to the other."""
        numbered = self.diff_line_numbers and self.edit_format == "unified"
        target = delta_target(parent, better, context_lines=self.diff_context, line_numbers=numbered)
        return f"<delta>\n{blocks.from_diff(target)}</delta>" if self.edit_format == "search_replace" else target


def _checked(code: str, parent: str) -> str:
    """Return the code. Raises CompletionError if the static guard refuses it or it is the parent's network."""
    static_guard.check(code)
    if static_guard.guarded_id(code) == static_guard.guarded_id(parent):
        raise CompletionError(Status.NO_CHANGE, "only comments, docstrings or formatting change")
    return code
