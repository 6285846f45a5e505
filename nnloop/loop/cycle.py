"""The figures of one closed cycle, from its entries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nnloop.records import CycleReport, Entry, Status
from nnloop.settings import BudgetSettings
from nnloop.stats import bootstrap_mean, wilson


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a cycle's fine-tune did; without one, None and zeros."""

    adapter: str | None = None
    loss: float | None = None
    pairs: int = 0
    tokens: int = 0  # trained on, all epochs together
    dropped: int = 0  # pairs that were too long
    held_out_loss: float | None = None
    held_out_loss_before: float | None = None


def summarise(
    cycle: int,
    entries: Sequence[Entry],
    admitted_before: int,
    min_accuracy: float,
    tuning: Tuning,
    seconds: dict[str, float],
    peak_bytes: int,
    gpu_seconds: float | None = None,
    joules: float | None = None,
) -> CycleReport:
    """Sum up one cycle; `entries` are all of its completions, in slot order."""
    everything = entries
    entries = [entry for entry in everything if entry.repairs is None]
    repairs = [entry for entry in everything if entry.repairs is not None]
    fresh = _distinct(entries)
    accuracies = [entry.val_accuracy for entry in fresh if entry.val_accuracy is not None]
    best = max(_distinct(everything), key=lambda entry: entry.val_accuracy or 0.0, default=None)
    admitted = sum(entry.admitted for entry in everything)
    jaccards = [entry.verdict.max_jaccard for entry in fresh if entry.verdict]
    return CycleReport(
        cycle=cycle,
        generated=len(entries),
        statuses=dict(sorted(Counter(str(entry.status) for entry in entries).items())),
        valid_rate=wilson(sum(entry.valid for entry in entries), len(entries)),
        mean_accuracy=bootstrap_mean(accuracies),
        mean_accuracy_all=_mean([entry.val_accuracy or 0.0 for entry in entries]) or 0.0,
        best_accuracy=best.val_accuracy if best else None,
        best_candidate=best.candidate if best else None,
        share_above=wilson(sum(a >= min_accuracy for a in accuracies), len(accuracies)) if accuracies else None,
        distinct=len(fresh),
        admitted=admitted,
        admitted_total=admitted_before + admitted,
        selected=sum(entry.selected for entry in everything),
        duplicates=sum(entry.status is Status.DUPLICATE for entry in entries),
        mean_jaccard=_mean(jaccards),
        tokens=sum(entry.tokens for entry in everything),
        prompt_tokens=sum(entry.prompt_tokens for entry in everything),
        mean_tokens=_mean([entry.tokens for entry in entries]) or 0.0,
        mean_lines=_mean([entry.lines for entry in entries]) or 0.0,
        adapter=next((entry.adapter for entry in entries), None),
        adapter_next=tuning.adapter,
        finetune_loss=tuning.loss,
        finetune_pairs=tuning.pairs,
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        peak_bytes=peak_bytes,
        finetune_tokens=tuning.tokens,
        finetune_dropped=tuning.dropped,
        held_out_loss=tuning.held_out_loss,
        held_out_loss_before=tuning.held_out_loss_before,
        gpu_seconds=gpu_seconds,
        joules=joules,
        repairs=len(repairs),
        repaired=sum(entry.valid for entry in repairs),
        mended=sum(bool(entry.mended) for entry in entries),
        dropped=sum(entry.dropped for entry in everything),
    )


def over_budget(reports: Sequence[CycleReport], budget: BudgetSettings) -> str | None:
    """Say which budget the closed cycles have used up, if one is."""
    tokens = sum(report.tokens + report.prompt_tokens for report in reports)
    if budget.tokens is not None and tokens >= budget.tokens:
        return f"budget.tokens={budget.tokens} is used up: {tokens} tokens in {len(reports)} cycles"
    hours = sum(report.seconds.get("total", 0.0) for report in reports) / 3600
    if budget.hours is not None and hours >= budget.hours:
        return f"budget.hours={budget.hours:g} is used up: {hours:.2f} h in {len(reports)} cycles"
    return None


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.valid and entry.status is not Status.DUPLICATE]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
