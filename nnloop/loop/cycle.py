"""The figures of one closed cycle, from its entries."""

from collections import Counter
from collections.abc import Sequence

from nnloop.records import Costs, Counts, CycleReport, Entry, FinetuneResult, Status
from nnloop.settings import BudgetSettings
from nnloop.stats import bootstrap_mean, wilson


def summarise(
    cycle: int,
    entries: Sequence[Entry],
    *,
    admitted_before: int,
    min_accuracy: float,
    costs: Costs,
    finetune: FinetuneResult | None = None,
) -> CycleReport:
    """Sum up one cycle; `entries` are all of its completions, in slot order."""
    firsts = [entry for entry in entries if entry.retry_of is None]
    distinct = _distinct(firsts)
    accuracies = [entry.val_accuracy for entry in distinct if entry.val_accuracy is not None]
    best = max(_distinct(entries), key=lambda entry: entry.val_accuracy or 0.0, default=None)
    return CycleReport(
        cycle=cycle,
        statuses=dict(sorted(Counter(str(entry.status) for entry in firsts).items())),
        valid_rate=wilson(sum(entry.valid for entry in firsts), len(firsts)),
        mean_accuracy=bootstrap_mean(accuracies),
        mean_accuracy_all=_mean([entry.val_accuracy or 0.0 for entry in firsts]) or 0.0,
        best_accuracy=best.val_accuracy if best else None,
        best_candidate=best.candidate if best else None,
        share_above=wilson(sum(a >= min_accuracy for a in accuracies), len(accuracies)) if accuracies else None,
        mean_jaccard=_mean([entry.novelty.max_jaccard for entry in distinct if entry.novelty]),
        mean_tokens=_mean([entry.generation.tokens for entry in firsts]) or 0.0,
        mean_lines=_mean([entry.generation.lines for entry in firsts]) or 0.0,
        adapter=next((entry.generation.adapter for entry in firsts), None),
        counts=_counts(entries, firsts, admitted_before),
        costs=costs,
        finetune=finetune,
    )


def _counts(entries: Sequence[Entry], firsts: Sequence[Entry], admitted_before: int) -> Counts:
    admitted = sum(entry.admitted for entry in entries)
    return Counts(
        generated=len(firsts),
        distinct=len(_distinct(firsts)),
        admitted=admitted,
        admitted_total=admitted_before + admitted,
        selected=sum(entry.selected for entry in entries),
        duplicates=sum(entry.status is Status.DUPLICATE for entry in firsts),
        retries=len(entries) - len(firsts),
        retries_valid=sum(entry.valid for entry in entries if entry.retry_of is not None),
        salvaged=sum(bool(entry.salvaged) for entry in firsts),
        dropped=sum(entry.generation.dropped for entry in entries),
    )


def over_budget(reports: Sequence[CycleReport], budget: BudgetSettings) -> str | None:
    """Say which budget the closed cycles have used up, if one is."""
    tokens = sum(report.costs.tokens + report.costs.prompt_tokens for report in reports)
    if budget.tokens is not None and tokens >= budget.tokens:
        return f"budget.tokens={budget.tokens} is used up: {tokens} tokens in {len(reports)} cycles"
    hours = sum(report.costs.seconds.get("total", 0.0) for report in reports) / 3600
    if budget.hours is not None and hours >= budget.hours:
        return f"budget.hours={budget.hours:g} is used up: {hours:.2f} h in {len(reports)} cycles"
    return None


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.valid and entry.status is not Status.DUPLICATE]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
