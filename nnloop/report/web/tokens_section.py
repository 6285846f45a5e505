"""The tokens of a completion by LLM and mode: the case for diffs is that they are shorter than networks."""

from collections.abc import Sequence
from statistics import fmean

from nnloop.measures import firsts
from nnloop.records import Entry
from nnloop.report.measures.read import Run
from nnloop.report.text import count, number, percent
from nnloop.report.web.html import Markup, table, tag


def tokens_section(runs: Sequence[Run]) -> Markup | None:
    """Return the tokens read and written per completion, and what diffs save for an LLM that wrote both kinds.

    None if no run has an LLM that counts tokens.
    """
    entries: dict[tuple[str, str], list[Entry]] = {}
    for run in runs:
        for entry in firsts(run.entries):
            if entry.generation.tokens:
                entries.setdefault((str(run.setting("llm.name", "?")), entry.mode), []).append(entry)
    if not entries:
        return None
    rows = [
        [llm, mode, *_cells(of_mode, None if mode == "full" else entries.get((llm, "full")))]
        for (llm, mode), of_mode in sorted(entries.items())
    ]
    head = ["LLM", "mode", "completions", "prompt tokens each", "tokens written each", "saved against full, %"]
    return tag("section", tag("h3", "Tokens by mode"), table(head, rows))


def saving(delta: Sequence[Entry], full: Sequence[Entry]) -> float:
    """Return the share of written tokens that a diff saves against a whole network, by the means over completions."""
    return 1 - fmean(entry.generation.tokens for entry in delta) / fmean(entry.generation.tokens for entry in full)


def _cells(entries: Sequence[Entry], full: Sequence[Entry] | None) -> list[str]:
    read = fmean(entry.generation.prompt_tokens for entry in entries)
    written = fmean(entry.generation.tokens for entry in entries)
    saved = saving(entries, full) if full else None
    return [count(len(entries)), number(read, 1), number(written, 1), percent(saved)]
