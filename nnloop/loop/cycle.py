"""The end of a search by its budget."""

from collections.abc import Sequence

from nnloop.records import CycleReport
from nnloop.settings import BudgetSettings


def over_budget(reports: Sequence[CycleReport], budget: BudgetSettings) -> str | None:
    """Say which limit the closed cycles have reached; None: the search goes on."""
    tokens = sum(report.costs.tokens + report.costs.prompt_tokens for report in reports)
    if budget.tokens is not None and tokens >= budget.tokens:
        return f"budget.tokens={budget.tokens} is used up: {tokens} tokens in {len(reports)} cycles"
    hours = sum(report.costs.seconds.get("total", 0.0) for report in reports) / 3600
    if budget.hours is not None and hours >= budget.hours:
        return f"budget.hours={budget.hours:g} is used up: {hours:.2f} h in {len(reports)} cycles"
    return _done([report.best_accuracy or 0.0 for report in reports], budget)


def _done(best: Sequence[float], budget: BudgetSettings) -> str | None:
    """Say why a search with these best accuracies, by cycle, is done; None: it is not."""
    top = max(best, default=0.0)
    if budget.target is not None and best and top >= budget.target:
        return f"budget.target={budget.target:g} is reached: {top:.2%} in cycle {best.index(top) + 1}"
    idle = len(best) - 1 - best.index(top) if best else 0
    if budget.patience is not None and idle >= budget.patience:
        return f"budget.patience={budget.patience} is used up: the best, {top:.2%}, is of cycle {best.index(top) + 1}"
    return None
