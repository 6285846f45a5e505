"""The tables of both papers as CSV and LaTeX: by cycle for one run, by run for several.

Estimates carry their 95% interval. Numbers of two protocols, or of two digests, never stand in one table.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, Generic, TypeVar

from nnloop import measures
from nnloop.measures import COMPARED, ESTIMATED, Measure
from nnloop.records import CycleReport, Interval
from nnloop.report.measures.compare import ArmCycle, ArmFinal, Comparison, Difference, Ranked
from nnloop.report.measures.protocols import check_one_protocol
from nnloop.report.measures.read import Run
from nnloop.report.text import csv_cell, interval, percent, plain_interval
from nnloop.runs.durable import write_text

T = TypeVar("T")
Cell = str | float | Interval | None


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column: its heading, and its cell in a row about an item."""

    name: str
    read: Callable[[T], Cell]
    wide: bool = False  # the cells are intervals or None: three columns in CSV
    fraction: bool = False  # as it is in CSV, percent in LaTeX


def _over_seeds(measure: Measure) -> Column[Any]:
    def read(row: ArmCycle | ArmFinal | Ranked) -> Interval | None:
        estimate = row.measures.get(measure.name)
        return estimate.as_interval if estimate else None

    return Column(measure.name, read, wide=True, fraction=measure.fraction)


def _of_cycle(measure: Measure) -> Column[CycleReport]:
    return Column(measure.name, measure.of_cycle, wide=measure in ESTIMATED, fraction=measure.fraction)


def _of_run(measure: Measure) -> Column[Run]:
    wide = measure in (*ESTIMATED, *measures.OF_RUNS)
    return Column(measure.name, lambda run: run.of(measure), wide=wide, fraction=measure.fraction)


CYCLE_COLUMNS: tuple[Column[CycleReport], ...] = (
    Column("cycle", lambda report: report.cycle + 1),
    *map(_of_cycle, (measures.GENERATED, measures.VALID, measures.BEST, measures.MEAN, measures.ABOVE)),
    *map(_of_cycle, (measures.ADMITTED, measures.DISTINCT, measures.DUPLICATES)),
    *map(_of_cycle, (measures.TOKENS_EACH, measures.LINES_EACH)),
)
"""By cycle, as in paper A."""

RUN_COLUMNS: tuple[Column[Run], ...] = (
    Column("llm", lambda run: str(run.setting("llm.name"))),
    Column("mode", lambda run: str(run.setting("mode.name"))),
    Column("protocol", lambda run: run.protocol),
    Column("digest", lambda run: f"{run.origin}, weights {run.digest.weights}"),
    Column("run", lambda run: run.name),
    Column("seed", lambda run: run.seed),
    Column("cycles", lambda run: len(run.reports)),
    *map(_of_run, (measures.GENERATED, measures.VALID, measures.MEAN, measures.BEST, measures.TEST_OF_BEST)),
    *map(_of_run, (measures.INCUMBENT, measures.TEST_OF_INCUMBENT)),
    *map(_of_run, (measures.ABOVE, measures.ADMITTED, measures.TOKENS_EACH, measures.LINES_EACH)),
    Column("seconds", lambda run: run.seconds),
)
"""By LLM and dataset, as in paper B."""

_MEASURED = tuple(map(_over_seeds, COMPARED))

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
    Column("difference", lambda row: row.interval, wide=True),
    Column("p", lambda row: row.p),
    Column("p of all (Holm)", lambda row: row.p_holm),
    Column("seeds above", lambda row: row.better),
)
"""In the measure's own unit: fractions are not turned into percent here."""

RANKING_COLUMNS: tuple[Column[Ranked], ...] = (
    Column("arm", lambda row: row.arm),
    Column("seeds", lambda row: row.n),
    *_MEASURED,
)


def write_comparison(comparison: Comparison, folder: Path, number: int) -> None:
    """Write the tables of a comparison of arms, as CSV and LaTeX; `number` tells protocols apart."""
    seeds = "means over seeds, 95% intervals by Student's t"
    about = "; ".join(filter(None, (comparison.protocol, comparison.runs[0].outdated, seeds)))
    _write(
        folder / f"arms-by-cycle-{number}", ARM_CYCLE_COLUMNS, comparison.by_cycle, caption=f"Arms by cycle: {about}."
    )
    last = f"last {comparison.last} cycles of each run: {about}"
    _write(folder / f"arms-{number}", ARM_COLUMNS, comparison.final, caption=f"Arms, {last}.")
    if comparison.differences:
        _write(
            folder / f"differences-{number}",
            DIFFERENCE_COLUMNS,
            comparison.differences,
            caption=f"Paired by seed, {last}.",
        )
    for kind, (budget, ranked) in comparison.rankings.items():
        path = folder / f"ranking-{number}-{kind.replace(' ', '-')}"
        _write(path, RANKING_COLUMNS, ranked, caption=f"Within {budget:g} {kind} a run: {about}.")


def write_cycles(run: Run, folder: Path) -> None:
    """Write cycles.csv and cycles.tex."""
    caption = f"{run.name}: {run.protocol}; above: at least {run.bar}; 95% intervals of this run alone."
    if run.balance:
        caption += f" {run.balance[0].upper()}{run.balance[1:]}."
    _write(folder / "cycles", CYCLE_COLUMNS, run.reports, caption=caption)


def write_runs(runs: Sequence[Run], folder: Path, number: int) -> None:
    """Write runs-<number>.csv and .tex for runs of one protocol. Raises RunFolderError for runs of two."""
    check_one_protocol(runs)
    _write(
        folder / f"runs-{number}",
        RUN_COLUMNS,
        runs,
        caption="; ".join(
            filter(
                None, ("Searches", runs[0].outdated, "above: at least the dataset's threshold", "95% intervals by run")
            )
        )
        + ".",
    )


def to_csv(columns: Sequence[Column[T]], items: Iterable[T]) -> str:
    """Return a table with a row for each item; an estimate takes three columns, `<name>`, `_low` and `_high`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for column in columns for name in _csv_names(column)])
    writer.writerows([cell for column in columns for cell in _csv_cells(column, item)] for item in items)
    return out.getvalue()


def to_latex(columns: Sequence[Column[T]], items: Iterable[T], caption: str) -> str:
    """Return a table for the booktabs package; rates and accuracies in percent."""
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


def _write(path: Path, columns: Sequence[Column[T]], items: Sequence[T], *, caption: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".csv"), to_csv(columns, items))
    write_text(path.with_suffix(".tex"), to_latex(columns, items, caption))


def _csv_names(column: Column[T]) -> list[str]:
    return [column.name + part for part in ("", "_low", "_high")] if column.wide else [column.name]


def _csv_cells(column: Column[T], item: T) -> list[str | int | None]:
    value = column.read(item)
    if not column.wide:
        return [f"{value:.6g}" if isinstance(value, float) else csv_cell(value)]
    parts = (value.value, value.low, value.high) if isinstance(value, Interval) else (None,) * 3
    return [None if part is None or isnan(part) else f"{part:.6g}" for part in parts]


def _latex_cell(column: Column[T], item: T) -> str:
    value = column.read(item)
    if isinstance(value, Interval):
        return interval(value) if column.fraction else plain_interval(value)
    if value is None or (isinstance(value, float) and column.fraction):
        return percent(value, 2)
    return f"{value:.1f}" if isinstance(value, float) else _escape(str(value))


_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def _escape(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}]", lambda match: _SPECIAL.get(match[0], "\\" + match[0]), text)
