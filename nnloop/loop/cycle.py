"""The figures of one closed cycle, from its entries."""

from collections import Counter
from collections.abc import Mapping, Sequence

from nnloop import measures
from nnloop.records import Costs, Counts, CycleReport, Entry, FinetuneResult
from nnloop.settings import BudgetSettings
from nnloop.stats import wilson


def summarise(
    cycle: int,
    entries: Sequence[Entry],
    *,
    admitted_before: int,
    min_accuracy: float | Mapping[str, float],
    costs: Costs,
    finetune: FinetuneResult | None = None,
    before: FinetuneResult | None = None,
    not_shown: int = 0,
) -> CycleReport:
    """Sum up one cycle.

    `entries` are all of its completions, in slot order; `admitted_before` counts what earlier cycles admitted,
    `not_shown` the networks that are too long to be parents. `min_accuracy` of a pool is by dataset.
    """
    first_answers, best = measures.firsts(entries), measures.best_of(entries)
    counts = {measure.name: int(measure.read(entries) or 0) for measure in measures.COUNTED}
    return CycleReport(
        cycle=cycle,
        statuses=dict(sorted(Counter(str(entry.status) for entry in first_answers).items())),
        valid_rate=measures.VALID.estimate(entries) or wilson(0, 0),
        mean_accuracy=measures.MEAN.estimate(entries),
        mean_accuracy_all=measures.MEAN_OF_ALL.read(entries) or 0.0,
        best_accuracy=measures.BEST.read(entries),
        best_candidate=best.candidate if best else None,
        share_above=measures.ABOVE.estimate(entries, min_accuracy),
        mean_jaccard=measures.JACCARD.read(entries),
        mean_tokens=measures.TOKENS_EACH.read(entries) or 0.0,
        mean_lines=measures.LINES_EACH.read(entries) or 0.0,
        adapter=next((entry.generation.adapter for entry in first_answers), None),
        counts=Counts(**counts, admitted_total=admitted_before + counts["admitted"], not_shown=not_shown),
        costs=costs,
        finetune=finetune,
        before=before,
    )


def over_budget(reports: Sequence[CycleReport], budget: BudgetSettings) -> str | None:
    """Say which budget the closed cycles have used up; None: there is some left."""
    tokens = sum(report.costs.tokens + report.costs.prompt_tokens for report in reports)
    if budget.tokens is not None and tokens >= budget.tokens:
        return f"budget.tokens={budget.tokens} is used up: {tokens} tokens in {len(reports)} cycles"
    hours = sum(report.costs.seconds.get("total", 0.0) for report in reports) / 3600
    if budget.hours is not None and hours >= budget.hours:
        return f"budget.hours={budget.hours:g} is used up: {hours:.2f} h in {len(reports)} cycles"
    return None
