"""What a search logs to W&B: every key of the cycle's history and every column of the candidate table.

A dashboard that names keys checks them against `METRICS` and `COLUMNS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnloop.records import CycleReport, Entry, Interval, Status

STEP = "cycle"
STAGES = ("generate", "evaluate", "finetune", "trials", "total")
COSTS = {"tokens": "tokens", "prompt_tokens": "tokens", "seconds": "s", "gpu_seconds": "s", "joules": "J"}
CYCLE_TABLE = "candidates/cycle"  # one version a cycle
FULL_TABLE = "candidates/all"  # once, when the search ends


@dataclass(frozen=True, slots=True)
class Metric:
    """One scalar per cycle. `read` gives None where the cycle has no such number; then nothing is logged."""

    read: Callable[[CycleReport], float | None]
    unit: str = ""
    summary: str = "last"  # what W&B shows for the whole run: last, max


def _interval(field: str, part: str) -> Callable[[CycleReport], float | None]:
    def read(report: CycleReport) -> float | None:
        interval: Interval | None = getattr(report, field)
        return None if interval is None else float(getattr(interval, part))

    return read


def _estimate(key: str, field: str, summary: str) -> dict[str, Metric]:
    return {
        key: Metric(_interval(field, "value"), "fraction", summary),
        f"{key}_low": Metric(_interval(field, "low"), "fraction"),
        f"{key}_high": Metric(_interval(field, "high"), "fraction"),
    }


def _status(status: Status) -> Metric:
    return Metric(lambda report: report.statuses.get(status, 0), "completions")


def _seconds(stage: str) -> Metric:
    return Metric(lambda report: report.costs.seconds.get(stage), "s")


def _finetune(field: str, unit: str) -> Metric:
    return Metric(lambda report: getattr(report.finetune, field, None), unit)


def _per_admitted(unit: str) -> Metric:
    return Metric(lambda report: report.costs_per_admitted.get(unit), COSTS[unit])


METRICS: dict[str, Metric] = {
    **_estimate("valid/rate", "valid_rate", "max"),
    **_estimate("accuracy/mean", "mean_accuracy", "max"),
    "accuracy/mean_all": Metric(lambda report: report.mean_accuracy_all, "fraction"),
    "accuracy/best": Metric(lambda report: report.best_accuracy, "fraction", "max"),
    **_estimate("accuracy/share_above", "share_above", "max"),
    "archive/generated": Metric(lambda report: report.counts.generated, "completions"),
    "archive/distinct": Metric(lambda report: report.counts.distinct, "networks"),
    "archive/duplicates": Metric(lambda report: report.counts.duplicates, "completions"),
    "archive/admitted": Metric(lambda report: report.counts.admitted, "networks"),
    "archive/admitted_total": Metric(lambda report: report.counts.admitted_total, "networks"),
    "archive/selected": Metric(lambda report: report.counts.selected, "networks"),
    "archive/retries": Metric(lambda report: report.counts.retries, "completions"),
    "archive/retries_valid": Metric(lambda report: report.counts.retries_valid, "completions"),
    "archive/salvaged": Metric(lambda report: report.counts.salvaged, "completions"),
    "context/dropped": Metric(lambda report: report.counts.dropped, "items"),
    "archive/mean_jaccard": Metric(lambda report: report.mean_jaccard, "fraction"),
    "cost/tokens": Metric(lambda report: report.costs.tokens, "tokens"),
    "cost/prompt_tokens": Metric(lambda report: report.costs.prompt_tokens, "tokens"),
    "cost/tokens_per_completion": Metric(lambda report: report.mean_tokens, "tokens"),
    "cost/lines_per_completion": Metric(lambda report: report.mean_lines, "lines"),
    "cost/peak_gb": Metric(lambda report: report.costs.peak_bytes / 1e9, "GB", "max"),
    **{f"cost/{unit}_per_admitted": _per_admitted(unit) for unit in COSTS},
    "cost/gpu_seconds": Metric(lambda report: report.costs.gpu_seconds, "s"),
    "cost/joules": Metric(lambda report: report.costs.joules, "J"),
    "finetune/loss": _finetune("loss", "nats"),
    "finetune/pairs": _finetune("pairs", "pairs"),
    "finetune/dropped": _finetune("dropped", "pairs"),
    "finetune/tokens": _finetune("tokens", "tokens"),
    "finetune/held_out_loss": _finetune("held_out_loss", "nats"),
    "finetune/held_out_loss_before": _finetune("held_out_loss_before", "nats"),
    **{f"seconds/{stage}": _seconds(stage) for stage in STAGES},
    **{f"status/{status}": _status(status) for status in Status},
}


def scalars(report: CycleReport) -> dict[str, float]:
    """The history row of one cycle, without the tables."""
    found = {key: metric.read(report) for key, metric in METRICS.items()}
    return {STEP: report.cycle} | {key: value for key, value in found.items() if value is not None}


COLUMNS = (
    "cycle",
    "slot",
    "candidate",
    "status",
    "reason",
    "val_accuracy",
    "test_accuracy",
    "params",
    "flops",
    "precision",
    "train_loss",
    "trial_seconds",
    "peak_bytes",
    "max_jaccard",
    "nearest",
    "admitted",
    "selected",
    "parent",
    "mode",
    "adapter",
    "tokens",
    "lines",
    "seconds",
    "completion",
    "code",
)


def rows(entries: Sequence[Entry], codes: Mapping[str, str], texts: Mapping[tuple[int, int], str]) -> list[list[Any]]:
    """The candidate table's rows, in the order of `COLUMNS`; `texts` is by (cycle, slot)."""
    return [_row(entry, codes.get(entry.candidate or ""), texts.get((entry.cycle, entry.slot))) for entry in entries]


def _row(entry: Entry, code: str | None, text: str | None) -> list[Any]:
    result, novelty = entry.result, entry.novelty
    values: dict[str, Any] = {
        "status": str(entry.status),
        "reason": _printable(entry.reason),
        "trial_seconds": result.seconds if result else None,
        "max_jaccard": novelty.max_jaccard if novelty else None,
        "nearest": novelty.nearest if novelty else None,
        "completion": _printable(text),
        "code": _printable(code),
    }
    for column in ("val_accuracy", "test_accuracy", "params", "flops", "precision", "train_loss", "peak_bytes"):
        values[column] = getattr(result, column) if result else None
    for column in ("adapter", "tokens", "lines", "seconds"):
        values[column] = getattr(entry.generation, column)
    return [values[column] if column in values else getattr(entry, column) for column in COLUMNS]


def _printable(text: str | None) -> str | None:
    """Escape lone surrogates, which no JSON of W&B takes."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")
