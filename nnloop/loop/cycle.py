"""The end of a search by its budget."""

from collections.abc import Sequence

from nnloop.records import CycleReport
from nnloop.settings import BudgetSettings


def over_budget(reports: Sequence[CycleReport], budget: BudgetSettings) -> str | None:
    """Say which budget the closed cycles have used up; None: there is some left."""
    tokens = sum(report.costs.tokens + report.costs.prompt_tokens for report in reports)
    if budget.tokens is not None and tokens >= budget.tokens:
        return f"budget.tokens={budget.tokens} is used up: {tokens} tokens in {len(reports)} cycles"
    hours = sum(report.costs.seconds.get("total", 0.0) for report in reports) / 3600
    if budget.hours is not None and hours >= budget.hours:
        return f"budget.hours={budget.hours:g} is used up: {hours:.2f} h in {len(reports)} cycles"
    return None
