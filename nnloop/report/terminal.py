"""What a search prints when it ends, and when a finished one is started again."""

from collections.abc import Sequence
from pathlib import Path

from nnloop.records import CycleReport
from nnloop.report.text import balance, count, duration, interval, percent, why_none_admitted
from nnloop.runs.folder import RunDir
from nnloop.stats import wilson

_HEAD = ("cycle", "valid %", "mean %", "best %", "above %", "admitted", "tokens", "time")


def summary(reports: Sequence[CycleReport], folder: Path) -> str:
    """A table with a line per cycle and one for the whole run, then where everything lies."""
    rows = [_HEAD, *(_row(report) for report in reports)]
    if reports:
        rows.append(_total(reports))
    lines = _aligned(rows)
    lines.insert(1, "-" * max(len(line) for line in lines))
    reason = why_none_admitted(reports)
    if reason:
        lines.append(f"nothing admitted: {reason}")
    unbalanced = balance(RunDir(folder).dataset_facts())
    if unbalanced:
        lines.append(unbalanced)
    return "\n".join([*lines, "", *_places(reports, RunDir(folder))])


def _row(report: CycleReport) -> tuple[str, ...]:
    return (
        str(report.cycle + 1),
        interval(report.valid_rate, 0),
        interval(report.mean_accuracy),
        percent(report.best_accuracy),
        interval(report.share_above, 0),
        count(report.counts.admitted),
        count(report.costs.tokens),
        duration(report.costs.seconds.get("total")),
    )


def _total(reports: Sequence[CycleReport]) -> tuple[str, ...]:
    generated = sum(report.counts.generated for report in reports)
    distinct = sum(report.counts.distinct for report in reports)
    means = sum(report.mean_accuracy.value * report.counts.distinct for report in reports if report.mean_accuracy)
    above = sum(report.share_above.value * report.counts.distinct for report in reports if report.share_above)
    valid = sum(report.valid_rate.value * report.counts.generated for report in reports)
    return (
        "all",
        interval(wilson(round(valid), generated), 0),
        percent(means / distinct if distinct else None),
        percent(max((report.best_accuracy for report in reports if report.best_accuracy is not None), default=None)),
        interval(wilson(round(above), distinct) if distinct else None, 0),
        count(sum(report.counts.admitted for report in reports)),
        count(sum(report.costs.tokens for report in reports)),
        duration(sum(report.costs.seconds.get("total", 0.0) for report in reports)),
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _places(reports: Sequence[CycleReport], run: RunDir) -> list[str]:
    best = max(reports, key=lambda report: report.best_accuracy or 0.0, default=None)
    adapters = sorted(run.path.glob("cycles/*/adapter"))
    named = [
        ("best network", run.code(best.best_candidate) if best and best.best_candidate else None),
        ("networks", run.path / "code"),
        ("archive", run.archive),
        ("last adapter", adapters[-1] if adapters else None),
        ("W&B", run.path / "wandb"),
        ("log", run.log),
        ("report", run.page),  # the last line of a run's output
    ]
    return [f"{name:<13} {_near(path)}" for name, path in named if path is not None and path.exists()]


def _near(path: Path) -> Path:
    """Relative to where the user stands, if it lies below."""
    here, there = Path.cwd(), path.resolve()
    return there.relative_to(here) if there.is_relative_to(here) else path
