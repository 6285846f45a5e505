"""What a completion costs in tokens, by LLM and mode: the case for diffs is that they are shorter than networks."""

from collections.abc import Sequence

from nnloop.records import Entry
from nnloop.report.measures.read import Run
from nnloop.report.text import count, number
from nnloop.report.web.html import Content, Markup, table, tag


def tokens_section(runs: Sequence[Run]) -> Markup | None:
    """Tokens read and written per completion, and what diffs save where an LLM wrote both; None for no LLM."""
    entries: dict[tuple[str, str], list[Entry]] = {}
    for run in runs:
        for entry in run.firsts:
            if entry.tokens:
                entries.setdefault((str(run.setting("llm.name", "?")), entry.mode), []).append(entry)
    if not entries:
        return None
    rows = [_row(llm, mode, found, entries.get((llm, "full"))) for (llm, mode), found in sorted(entries.items())]
    head = ["LLM", "mode", "completions", "prompt tokens each", "tokens written each", "saved against full, %"]
    return tag("section", tag("h3", "Tokens by mode"), table(head, rows))


def saving(delta: Sequence[Entry], full: Sequence[Entry]) -> float:
    """Share of the written tokens that a diff saves against a whole network, by the means over completions."""
    return 1 - _mean([entry.tokens for entry in delta]) / _mean([entry.tokens for entry in full])


def _row(llm: str, mode: str, found: Sequence[Entry], full: Sequence[Entry] | None) -> list[Content]:
    prompts, written = ([one.prompt_tokens for one in found], [one.tokens for one in found])
    saved = f"{100 * saving(found, full):.1f}" if full and mode != "full" else "-"
    return [llm, mode, count(len(found)), number(_mean(prompts), 1), number(_mean(written), 1), saved]


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
