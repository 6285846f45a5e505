"""Pictures for a README or a paper: one run's valid rate and accuracies by cycle, or several arms side by side."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnloop.report.overview import arms_of, best_so_far, curves
from nnloop.report.read import Run, read
from nnloop.report.svg import Series
from nnloop.report.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#e08e00", "#008a66", "#5b6470"
_COLOURS = (_BLUE, _ORANGE, _GREEN, "#d55e00", "#a8528a", "#3fa0d8", "#6b7280", "#b8a100")  # as in style.css
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#d9dde3",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "nnloop",
    "text.parse_math": False,
}


def figure(run_folder: Path, out: Path) -> None:
    """Draw the run to a .png, .svg or .pdf; the same run gives the same bytes. Raises RunFolderError."""
    run = read(run_folder)
    with _panels(f"{run.name}: {run.protocol}", out) as (left, right):
        _valid_rate(left, run)
        _accuracies(right, run)


def comparison(runs: Sequence[Run], protocol: str, out: Path) -> None:
    """Draw valid rate and best accuracy by arm, with the intervals of the overview; all runs are of one protocol."""
    arms = arms_of(runs)
    with _panels(protocol, out) as (left, right):
        _arms(left, curves(arms, lambda run, report: report.valid_rate))
        _arms(right, curves(arms, best_so_far))
        left.set(ylabel="valid completions, %", ylim=(0, 103))
        right.set(ylabel="best validation accuracy so far, %")
        left.figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7.5)


@contextmanager
def _panels(title: str, out: Path) -> Iterator[tuple["Axes", "Axes"]]:
    """Two panels side by side, saved at the end without a date."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        drawn = Figure(figsize=(8.4, 3.2), layout="constrained")
        FigureCanvasAgg(drawn)
        left, right = drawn.subplots(1, 2)
        yield left, right
        drawn.suptitle(title, fontsize=9, color=_GREY)
        undated = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        drawn.savefig(out, dpi=160, metadata=undated.get(out.suffix))


def _arms(axes: "Axes", series: Sequence[Series]) -> None:
    for one in series:
        places = [point.x for point in one.points]
        low = [100 * max(0.0, point.y if point.low is None else point.low) for point in one.points]
        high = [100 * min(1.0, point.y if point.high is None else point.high) for point in one.points]
        colour = _COLOURS[one.colour]
        axes.fill_between(places, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(places, [100 * point.y for point in one.points], color=colour, marker="o", ms=3.5, label=one.name)
    axes.set(xlabel="cycle")
    _whole_cycles(axes, [round(point.x) for one in series for point in one.points])


def _valid_rate(axes: "Axes", run: Run) -> None:
    cycles = [report.cycle + 1 for report in run.reports]
    rates = [report.valid_rate for report in run.reports]
    axes.fill_between(
        cycles, [100 * r.low for r in rates], [100 * r.high for r in rates], color=_GREEN, alpha=0.18, lw=0
    )
    axes.errorbar(
        cycles,
        [100 * rate.value for rate in rates],
        yerr=[[100 * (r.value - r.low) for r in rates], [100 * (r.high - r.value) for r in rates]],
        color=_GREEN,
        marker="o",
        markersize=4,
        elinewidth=1,
    )
    axes.set(xlabel="cycle", ylabel="valid completions, %", ylim=(0, 103))
    _whole_cycles(axes, cycles)


def _accuracies(axes: "Axes", run: Run) -> None:
    cycles = [report.cycle + 1 for report in run.reports]
    dots = [
        (entry.cycle + 1, entry.slot, entry.val_accuracy) for entry in run.networks if entry.val_accuracy is not None
    ]
    spread = [cycle + (slot * 0.618034 % 1 - 0.5) * 0.5 for cycle, slot, _ in dots]
    axes.scatter(spread, [100 * accuracy for *_, accuracy in dots], s=7, color=_BLUE, alpha=0.45, lw=0, label="network")
    means = [(report.cycle + 1, report.mean_accuracy) for report in run.reports if report.mean_accuracy]
    axes.errorbar(
        [cycle for cycle, _ in means],
        [100 * mean.value for _, mean in means],
        yerr=[[100 * (m.value - m.low) for _, m in means], [100 * (m.high - m.value) for _, m in means]],
        color=_ORANGE,
        marker="o",
        markersize=4,
        label="mean, 95%",
    )
    best = [max((a for c, _, a in dots if c <= cycle), default=0.0) for cycle in cycles]
    axes.plot(cycles, [100 * value for value in best], color=_BLUE, lw=1.5, label="best so far")
    axes.axhline(100 * run.threshold, color=_GREY, lw=1, ls="--", label=f"admission, {percent(run.threshold, 0)} %")
    axes.set(xlabel="cycle", ylabel="validation accuracy, %")
    axes.legend(fontsize=7.5, loc="lower right")
    _whole_cycles(axes, cycles)


def _whole_cycles(axes: "Axes", cycles: list[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(min(cycles, default=1) - 0.6, max(cycles, default=1) + 0.6)
