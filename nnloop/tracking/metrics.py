"""The keys that a search logs to W&B, per cycle, per candidate and per step of the fine-tune, and the table's columns.

A dashboard that names keys checks them against `METRICS`. No key has a summary of W&B's own making such as a maximum,
which would be a record instead of a number: an agent of a sweep reads numbers alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnloop import measures
from nnloop.measures import Measure
from nnloop.records import CycleReport, Entry, FinetuneStep, Status

STEP = "cycle"  # from 1, as people count
CANDIDATE, TUNING = "candidate/number", "tuning/step"  # the axes of what is finer than a cycle, from 1 over the run
BEST_SO_FAR = "accuracy/best_so_far"
STAGES = ("generate", "evaluate", "finetune", "cpu", "trials", "total")
COSTS = {"tokens": "tokens", "prompt_tokens": "tokens", "seconds": "s", "gpu_seconds": "s", "joules": "J"}
CYCLE_TABLE = "candidates/cycle"  # one version a cycle
FULL_TABLE = "candidates/all"  # once, when the search ends


@dataclass(frozen=True, slots=True)
class Metric:
    """One scalar per cycle. `read` gives None for a cycle without such a number; then nothing is logged."""

    read: Callable[[CycleReport], float | None]
    unit: str = ""


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

    def part(name: str) -> Metric:
        return Metric(lambda report: getattr(measure.of_cycle(report), name, None), measure.unit)

    return {key: part("value"), f"{key}_low": part("low"), f"{key}_high": part("high")}


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
    **{key: Metric(one.of_cycle, one.unit) for key, one in _MEASURED.items()},
    "archive/admitted_total": Metric(lambda report: report.counts.admitted_total, "networks"),
    "cost/peak_gb": Metric(lambda report: report.costs.peak_bytes / 1e9, "GB"),
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


FINER: dict[str, dict[str, str]] = {
    CANDIDATE: {
        "candidate/best_so_far": "fraction",
        "candidate/valid_so_far": "fraction",
        "candidate/accuracy": "fraction",
        "candidate/tokens": "tokens",
    },
    TUNING: {"tuning/loss": "nats per token", "tuning/lr": "", "tuning/cycle": ""},
}
"""Units of the keys that are logged more often than once a cycle, by the axis of each."""

UNITS = {key: metric.unit for key, metric in METRICS.items()} | {BEST_SO_FAR: "fraction"}
"""Units of the keys that are logged once a cycle."""


def scalars(report: CycleReport, best_so_far: float | None = None) -> dict[str, float]:
    """Return the history row of one cycle, without the tables; `best_so_far` is the run's best single trial."""
    values = {key: metric.read(report) for key, metric in METRICS.items()} | {BEST_SO_FAR: best_so_far}
    return {STEP: report.cycle + 1} | {key: value for key, value in values.items() if value is not None}


class Running:
    """The run up to a candidate: their number, the valid ones among first answers, and the best."""

    def __init__(self) -> None:
        self.best: Entry | None = None
        self._candidates = self._firsts = self._valid = 0

    def add(self, entry: Entry) -> bool:
        """Count one more entry; return True if it is the best so far."""
        self._candidates += 1
        if entry.retry_of is None:
            self._firsts += 1
            self._valid += entry.valid
        best = measures.best_of([one for one in (self.best, entry) if one])
        improved, self.best = best is not self.best, best
        return improved

    @property
    def accuracy(self) -> float | None:
        """Validation accuracy of the best, a fraction."""
        return self.best.val_accuracy if self.best else None

    def row(self, entry: Entry) -> dict[str, float]:
        """Return the history row of the entry that was added last."""
        values = {
            CANDIDATE: self._candidates,
            "candidate/best_so_far": self.accuracy,
            "candidate/valid_so_far": self._valid / self._firsts if self._firsts else None,
            "candidate/accuracy": entry.val_accuracy,
            "candidate/tokens": entry.generation.tokens,
        }
        return {key: value for key, value in values.items() if value is not None}


def tuning_row(cycle: int, step: FinetuneStep, before: int) -> dict[str, float]:
    """Return the history row of a step of a fine-tune; `before` steps were done in the cycles before."""
    return {TUNING: before + step.step, "tuning/loss": step.loss, "tuning/lr": step.lr, "tuning/cycle": cycle + 1}


def best_facts(best: Entry, code: str | None) -> dict[str, float | str]:
    """Return the facts of a run's best network by a single trial, for the summary."""
    tested = best.result.test_accuracy if best.result else None
    facts = {
        "best/accuracy": best.val_accuracy,
        "best/test_accuracy": tested,
        "best/candidate": best.candidate,
        "best/cycle": best.cycle + 1,
        "best/slot": best.slot + 1,
        "best/code": _printable(code),
    }
    return {key: value for key, value in facts.items() if value is not None}


RUN_COLUMNS = ("run", "run_id", "llm", "dataset", "mode", "seed")
"""Columns with the same cells in every row of a run, so that rows of several runs can stand in one table."""

COLUMNS = (
    *RUN_COLUMNS,
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
    "memory_format",
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

OF_RESULT = (
    "val_accuracy",
    "test_accuracy",
    "params",
    "flops",
    "precision",
    "memory_format",
    "train_loss",
    "peak_bytes",
)
"""Columns of a trial's result."""


def rows(
    entries: Sequence[Entry],
    codes: Mapping[str, str],
    texts: Mapping[tuple[int, int], str],
    *,
    run: Mapping[str, Any],
) -> list[list[Any]]:
    """Return the candidate table's rows, in the order of `COLUMNS`.

    `texts` is by (cycle, slot) from 0; `run` holds the cells of `RUN_COLUMNS`.
    """
    return [
        _row(entry, codes.get(entry.candidate or ""), texts.get((entry.cycle, entry.slot)), run=run)
        for entry in entries
    ]


def _row(entry: Entry, code: str | None, text: str | None, *, run: Mapping[str, Any]) -> list[Any]:
    result, novelty = entry.result, entry.novelty
    values: dict[str, Any] = dict(run) | {
        "cycle": entry.cycle + 1,
        "slot": entry.slot + 1,
        "status": str(entry.status),
        "reason": _printable(entry.reason),
        "trial_seconds": result.seconds if result else None,
        "max_jaccard": novelty.max_jaccard if novelty else None,
        "nearest": novelty.nearest if novelty else None,
        "completion": _printable(text),
        "code": _printable(code),
    }
    for column in OF_RESULT:
        values[column] = getattr(result, column) if result else None
    for column in ("adapter", "tokens", "lines", "seconds"):
        values[column] = getattr(entry.generation, column)
    return [values[column] if column in values else getattr(entry, column) for column in COLUMNS]


def _printable(text: str | None) -> str | None:
    """Escape lone surrogates, which no JSON of W&B takes."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")
