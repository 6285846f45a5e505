"""The statuses of the first answers of a run, and the commonest reasons of failed ones."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nnloop import measures
from nnloop.records import CycleReport, Entry

_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+""")

EXAMPLES = 5
"""Answers that stand for a kind of failure."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A kind of failure, whose reasons differ only in their quotations and numbers."""

    status: str
    example: str  # the first such reason
    times: int
    entries: list[Entry]  # the first of them


def statuses(entries: Sequence[Entry]) -> list[tuple[str, int]]:
    """Return the statuses of first answers with their counts, the commonest first."""
    counts = Counter(str(entry.status) for entry in measures.firsts(entries))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def commonest_reasons(entries: Sequence[Entry], limit: int) -> list[Reason]:
    """Return the commonest kinds of reasons of first answers."""
    examples: dict[tuple[str, str], list[Entry]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for entry in measures.firsts(entries):
        if entry.reason:
            kind = (str(entry.status), _QUOTED.sub("?", entry.reason))
            examples.setdefault(kind, []).append(entry)
            times[kind] += 1
    kinds = sorted(times, key=lambda kind: (-times[kind], kind))[:limit]
    return [Reason(kind[0], examples[kind][0].reason, times[kind], entries=examples[kind][:EXAMPLES]) for kind in kinds]


def counted_apart(reports: Sequence[CycleReport]) -> str:
    """Say how many answers were cut, looped or took a salvage; empty for none."""
    said = {
        "truncated": "cut off by the token limit (llm.max_new_tokens)",
        "looped": "ended as a loop (llm.max_repeats)",
        "salvaged": "read by a salvage",
        "rewrites": "of these whole programs instead of diffs",
    }
    totals = {name: sum(getattr(report.counts, name) for report in reports) for name in said}
    return ", ".join(f"{totals[name]} {words}" for name, words in said.items() if totals[name])
