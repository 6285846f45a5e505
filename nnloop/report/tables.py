"""The tables of both papers as CSV and LaTeX: by cycle for one run, by run for several.

Estimates carry their 95% interval. Numbers of two protocols, or of two digests, never stand in one table.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import isnan
from pathlib import Path
from typing import Any, Generic, TypeVar

from nnloop.records import CycleReport, Interval
from nnloop.report.measures.compare import (
    MEASURES,
    ArmCycle,
    ArmFinal,
    Comparison,
    Difference,
    Estimate,
    Measure,
    Ranked,
)
from nnloop.report.measures.protocols import check_one_protocol
from nnloop.report.measures.read import Run
from nnloop.report.text import interval, percent, plain_interval
from nnloop.runs.durable import write_text

T = TypeVar("T")


class Kind(Enum):
    PLAIN = "plain"
    FRACTION = "fraction"  # as it is in CSV, percent in LaTeX
    ESTIMATE = "estimate"  # an Interval of a fraction or None: three columns in CSV
    COUNT = "count"  # as ESTIMATE, but of a number that is no fraction


_WIDE = (Kind.ESTIMATE, Kind.COUNT)


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    name: str
    read: Callable[[T], Any]
    kind: Kind = Kind.PLAIN


CYCLE_COLUMNS: tuple[Column[CycleReport], ...] = (
    Column("cycle", lambda report: report.cycle + 1),
    Column("generated", lambda report: report.counts.generated),
    Column("valid", lambda report: report.valid_rate, Kind.ESTIMATE),
    Column("best", lambda report: report.best_accuracy, Kind.FRACTION),
    Column("mean", lambda report: report.mean_accuracy, Kind.ESTIMATE),
    Column("above", lambda report: report.share_above, Kind.ESTIMATE),
    Column("admitted", lambda report: report.counts.admitted),
    Column("distinct", lambda report: report.counts.distinct),
    Column("duplicates", lambda report: report.counts.duplicates),
    Column("tokens", lambda report: round(report.mean_tokens, 1)),
    Column("lines", lambda report: round(report.mean_lines, 1)),
)
"""By cycle, as in paper A."""

RUN_COLUMNS: tuple[Column[Run], ...] = (
    Column("llm", lambda run: run.setting("llm.name")),
    Column("mode", lambda run: run.setting("mode.name")),
    Column("protocol", lambda run: run.protocol),
    Column("digest", lambda run: f"{run.origin}, weights {run.digest.weights}"),
    Column("run", lambda run: run.name),
    Column("seed", lambda run: run.seed),
    Column("cycles", lambda run: len(run.reports)),
    Column("n", lambda run: run.figures.generated),
    Column("valid", lambda run: run.figures.valid, Kind.ESTIMATE),
    Column("mean", lambda run: run.figures.mean, Kind.ESTIMATE),
    Column("best", lambda run: run.figures.best, Kind.FRACTION),
    Column("best on test", lambda run: run.figures.best_test, Kind.FRACTION),
    Column("above", lambda run: run.figures.share_above, Kind.ESTIMATE),
    Column("admitted", lambda run: run.figures.admitted),
    Column("tokens", lambda run: round(run.figures.mean_tokens or 0.0, 1)),
    Column("lines", lambda run: round(run.figures.mean_lines or 0.0, 1)),
    Column("seconds", lambda run: round(run.figures.seconds, 1)),
)
"""By LLM and dataset, as in paper B."""


def _over_seeds(measure: Measure) -> Column[Any]:
    def read(row: ArmCycle | ArmFinal | Ranked) -> Interval | None:
        found: Estimate | None = row.measures.get(measure.name)
        return found.as_interval if found else None

    return Column(measure.name, read, Kind.ESTIMATE if measure.fraction else Kind.COUNT)


_MEASURED: tuple[Column[Any], ...] = tuple(map(_over_seeds, MEASURES))

ARM_CYCLE_COLUMNS: tuple[Column[ArmCycle], ...] = (
    Column("arm", lambda row: row.arm),
    Column("cycle", lambda row: row.cycle + 1),
    Column("seeds", lambda row: row.n),
    *_MEASURED,
)

ARM_COLUMNS: tuple[Column[ArmFinal], ...] = (
    Column("arm", lambda row: row.arm.name),
    Column("seeds", lambda row: len(row.arm.runs)),
    *_MEASURED,
)

DIFFERENCE_COLUMNS: tuple[Column[Difference], ...] = (
    Column("arm", lambda row: row.first.name),
    Column("minus", lambda row: row.second.name),
    Column("measure", lambda row: row.measure.name),
    Column("seeds", lambda row: len(row.seeds)),
    Column("difference", lambda row: row.bootstrap, Kind.COUNT),
    Column("by Student's t", lambda row: row.student, Kind.COUNT),
    Column("seeds above", lambda row: row.better),
)
"""In the measure's own unit: fractions are not turned into percent here."""

RANKING_COLUMNS: tuple[Column[Ranked], ...] = (
    Column("arm", lambda row: row.arm),
    Column("seeds", lambda row: row.n),
    *_MEASURED,
)


def write_comparison(found: Comparison, folder: Path, number: int) -> None:
    """Write what a comparison of arms shows, as CSV and LaTeX; `number` tells protocols apart."""
    seeds = "means over seeds, 95% bootstrap intervals"
    about = f"{found.protocol}; {seeds}"
    _write(folder / f"arms-by-cycle-{number}", ARM_CYCLE_COLUMNS, found.by_cycle, f"Arms by cycle: {about}.")
    last = f"last {found.last} cycles of each run: {about}"
    _write(folder / f"arms-{number}", ARM_COLUMNS, found.final, f"Arms, {last}.")
    if found.differences:
        _write(folder / f"differences-{number}", DIFFERENCE_COLUMNS, found.differences, f"Paired by seed, {last}.")
    for kind, (budget, ranked) in found.rankings.items():
        path = folder / f"ranking-{number}-{kind.replace(' ', '-')}"
        _write(path, RANKING_COLUMNS, ranked, f"Within {budget} {kind} a run: {about}.")


def write_cycles(run: Run, folder: Path) -> None:
    """Write cycles.csv and cycles.tex."""
    caption = f"{run.name}: {run.protocol}; above: at least {percent(run.threshold, 0)} %; 95% intervals."
    if run.balance:
        caption += f" {run.balance[0].upper()}{run.balance[1:]}."
    _write(folder / "cycles", CYCLE_COLUMNS, run.reports, caption)


def write_runs(runs: Sequence[Run], folder: Path, number: int) -> None:
    """Write runs-<number>.csv and .tex for runs of one protocol. Raises RunFolderError for runs of two."""
    check_one_protocol(runs)
    _write(
        folder / f"runs-{number}",
        RUN_COLUMNS,
        runs,
        "Searches; above: at least the dataset's threshold; 95% intervals.",
    )


def to_csv(columns: Sequence[Column[T]], items: Iterable[T]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for column in columns for name in _csv_names(column)])
    writer.writerows([cell for column in columns for cell in _csv_cells(column, item)] for item in items)
    return out.getvalue()


def to_latex(columns: Sequence[Column[T]], items: Iterable[T], caption: str) -> str:
    """A table for the booktabs package; rates and accuracies in percent."""
    lines = [
        r"\begin{table}",
        rf"\caption{{{_escape(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        r"\toprule",
        " & ".join(_escape(column.name) for column in columns) + r" \\",
        r"\midrule",
        *(" & ".join(_latex_cell(column, item) for column in columns) + r" \\" for item in items),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _write(path: Path, columns: Sequence[Column[T]], items: Sequence[T], caption: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".csv"), to_csv(columns, items))
    write_text(path.with_suffix(".tex"), to_latex(columns, items, caption))


def _csv_names(column: Column[T]) -> list[str]:
    return [column.name + part for part in ("", "_low", "_high")] if column.kind in _WIDE else [column.name]


def _csv_cells(column: Column[T], item: T) -> list[Any]:
    value = column.read(item)
    if column.kind not in _WIDE:
        return [f"{value:.6g}" if isinstance(value, float) else value]
    parts = (None,) * 3 if value is None else (value.value, value.low, value.high)
    return [None if part is None or isnan(part) else f"{part:.6g}" for part in parts]


def _latex_cell(column: Column[T], item: T) -> str:
    value = column.read(item)
    if column.kind is Kind.ESTIMATE:
        return interval(value)
    if column.kind is Kind.COUNT:
        return plain_interval(value)
    return percent(value, 2) if column.kind is Kind.FRACTION else _escape(str(value))


_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def _escape(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}]", lambda found: _SPECIAL.get(found[0], "\\" + found[0]), text)
