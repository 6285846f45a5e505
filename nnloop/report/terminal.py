"""The summary that a search prints when it ends, and when a finished one is started again."""

from collections.abc import Sequence
from pathlib import Path

from nnloop.measures import ABOVE, ADMITTED, BEST, MEAN, TOKENS, VALID, best_of
from nnloop.report.by_dataset import DATASET_HEAD, dataset_rows
from nnloop.report.failures import commonest_reasons, counted_apart, statuses
from nnloop.report.measures.read import Run
from nnloop.report.text import duration, interval, percent, shown, why_none_admitted
from nnloop.runs.folder import RunFolder

_REASONS = 5
_LONGEST = 160  # characters of a reason
_SHOWN = (VALID, MEAN, BEST, ABOVE, ADMITTED, TOKENS)


def summary(run: Run) -> str:
    """Return a table with a line per cycle and one for the whole run, then the places of the run's files."""
    rows = [["cycle", *(measure.heading for measure in _SHOWN), "time"]]
    for report in run.reports:
        cells = [shown(one, one.of_cycle(report)) for one in _SHOWN]
        rows.append([str(report.cycle + 1), *cells, duration(report.costs.seconds.get("total"))])
    if run.reports:
        rows.append(["all", *(shown(one, run.of(one)) for one in _SHOWN), duration(run.seconds)])
    lines = _aligned(rows)
    lines.insert(1, "-" * max(len(line) for line in lines))
    if run.datasets:
        lines += ["", *_aligned([DATASET_HEAD, *dataset_rows(run)]), ""]
    if run.incumbent:
        known = run.incumbent
        trials = f"{known.trials} trials under fresh seeds; its single trial: {percent(known.claimed)} %"
        lines.append(f"incumbent: validation {interval(known.validation)} %, test {interval(known.test)} % ({trials})")
    reason = why_none_admitted(run.reports)
    if reason:
        lines.append(f"nothing admitted: {reason}")
    if not any(entry.valid for entry in run.entries):
        lines += _failures(run)
    apart = counted_apart(run.reports)
    if apart:
        lines.append(f"of the answers, {apart}")
    if run.balance:
        lines.append(run.balance)
    return "\n".join([*lines, "", *(_places(run, run.folder) if run.folder else [])])


def _failures(run: Run) -> list[str]:
    """List the statuses of a run that brought no valid network, and the commonest reasons."""
    counts = ", ".join(f"{times} {status}" for status, times in statuses(run.entries))
    reasons = commonest_reasons(run.entries, _REASONS)
    rows = [f"{one.times:>5} {one.status}: {' '.join(one.example.split())[:_LONGEST]}" for one in reasons]
    return [f"statuses: {counts}", *(["commonest reasons:", *rows] if rows else [])] if counts else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _places(run: Run, folder: RunFolder) -> list[str]:
    best = best_of(run.entries)
    chosen = run.incumbent.candidate if run.incumbent else best and best.candidate
    adapters = sorted([*folder.path.glob("before/adapter"), *folder.path.glob("cycles/*/adapter")])
    named = [
        ("incumbent" if run.incumbent else "best network", folder.code(chosen) if chosen else None),
        ("networks", folder.path / "code"),
        ("archive", folder.archive),
        ("last adapter", adapters[-1] if adapters else None),
        ("W&B", folder.path / "wandb"),
        ("log", folder.log),
        ("report", folder.page),  # the last line of a run's output
    ]
    return [f"{name:<13} {_near(path)}" for name, path in named if path is not None and path.exists()]


def _near(path: Path) -> Path:
    """Return a path relative to the working directory, if it lies below."""
    here, there = Path.cwd(), path.resolve()
    return there.relative_to(here) if there.is_relative_to(here) else path
