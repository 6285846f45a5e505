"""The keys that a search logs to W&B in each cycle, and the columns of the candidate table.

A dashboard that names keys checks them against `METRICS` and `COLUMNS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnloop import measures
from nnloop.measures import Measure
from nnloop.records import CycleReport, Entry, Status

STEP = "cycle"
_LOSSES = ("loss", "held_out_loss", "held_out_loss_before")
STAGES = ("generate", "evaluate", "finetune", "cpu", "trials", "total")
COSTS = {"tokens": "tokens", "prompt_tokens": "tokens", "seconds": "s", "gpu_seconds": "s", "joules": "J"}
CYCLE_TABLE = "candidates/cycle"  # one version a cycle
FULL_TABLE = "candidates/all"  # once, when the search ends


@dataclass(frozen=True, slots=True)
class Metric:
    """One scalar per cycle. `read` gives None for a cycle without such a number; then nothing is logged."""

    read: Callable[[CycleReport], float | None]
    unit: str = ""
    summary: str = "last"  # W&B's number for the whole run: last, max


_ESTIMATED = {"valid/rate": measures.VALID, "accuracy/mean": measures.MEAN, "accuracy/share_above": measures.ABOVE}
_MEASURED = {
    "accuracy/mean_all": measures.MEAN_OF_ALL,
    "accuracy/best": measures.BEST,
    **{f"archive/{measure.name}": measure for measure in measures.COUNTED if measure.unit != "items"},
    "archive/mean_jaccard": measures.JACCARD,
    "cost/tokens": measures.TOKENS,
    "cost/prompt_tokens": measures.PROMPT_TOKENS,
    "cost/tokens_per_completion": measures.TOKENS_EACH,
    "cost/lines_per_completion": measures.LINES_EACH,
    "context/dropped": measures.DROPPED,
}


def _interval(key: str, measure: Measure) -> dict[str, Metric]:
    """Return the metrics of a measure with an interval: its value, and the interval's ends under keys of their own."""

    def part(name: str, summary: str = "last") -> Metric:
        return Metric(lambda report: getattr(measure.of_cycle(report), name, None), measure.unit, summary)

    return {key: part("value", "max"), f"{key}_low": part("low"), f"{key}_high": part("high")}


def _status(status: Status) -> Metric:
    return Metric(lambda report: report.statuses.get(status, 0), "completions")


def _seconds(stage: str) -> Metric:
    return Metric(lambda report: report.costs.seconds.get(stage), "s")


def _finetune(field: str, unit: str) -> Metric:
    return Metric(lambda report: getattr(report.finetune, field, None), unit)


def _per_admitted(unit: str) -> Metric:
    return Metric(lambda report: report.costs_per_admitted.get(unit), COSTS[unit])


METRICS: dict[str, Metric] = {
    **{key: metric for stem, one in _ESTIMATED.items() for key, metric in _interval(stem, one).items()},
    **{
        key: Metric(one.of_cycle, one.unit, "max" if one is measures.BEST else "last") for key, one in _MEASURED.items()
    },
    "archive/admitted_total": Metric(lambda report: report.counts.admitted_total, "networks"),
    "cost/peak_gb": Metric(lambda report: report.costs.peak_bytes / 1e9, "GB", "max"),
    **{f"cost/{unit}_per_admitted": _per_admitted(unit) for unit in COSTS},
    "cost/gpu_seconds": Metric(lambda report: report.costs.gpu_seconds, "s"),
    "cost/joules": Metric(lambda report: report.costs.joules, "J"),
    "context/not_shown": Metric(lambda report: report.counts.not_shown, "networks"),
    **{f"finetune/{field}": _finetune(field, "pairs") for field in ("pairs", "dropped", "own", "too_long")},
    "finetune/own_share": _finetune("own_share", "fraction"),
    "finetune/tokens": _finetune("tokens", "tokens"),
    **{
        f"finetune/{field}": _finetune(field, "nats per token")
        for field in ("loss", "held_out_loss", "held_out_loss_before")
    },
    **{f"seconds/{stage}": _seconds(stage) for stage in STAGES},
    **{f"status/{status}": _status(status) for status in Status},
}


def scalars(report: CycleReport) -> dict[str, float]:
    """Return the history row of one cycle, without the tables."""
    values = {key: metric.read(report) for key, metric in METRICS.items()}
    return {STEP: report.cycle} | {key: value for key, value in values.items() if value is not None}


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
    """Return the candidate table's rows, in the order of `COLUMNS`; `texts` is by (cycle, slot)."""
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
