"""Pictures for a README or a paper: a run's valid rate and accuracies by cycle, arms side by side, a validation."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnloop.records import Interval
from nnloop.report.measures.compare import MEASURES, Comparison, Measure
from nnloop.report.measures.read import Run
from nnloop.report.measures.validation import Validation, ValidationPair, correlation_text
from nnloop.report.text import percent
from nnloop.report.web.svg import Point
from nnloop.report.web.validation_page import THIRDS, accuracy_band, rank_band, ranks, thirds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = 12  # of a title, in an inch
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


_BY_CYCLE = {
    "valid": "valid completions, %",
    "mean": "mean accuracy, %",
    "per completion": "accuracy per completion, %",
    "best": "best accuracy so far, %",
    "above": "share above the threshold, %",
    "admitted": "admitted, cumulative",
    "distinct": "distinct valid, cumulative",
    "Jaccard": "Jaccard to the nearest",
    "tokens": "tokens generated, cumulative",
}
_CONTRASTED = ("valid", "mean", "per completion", "best")
_OF_MEASURE = {measure.name: measure for measure in MEASURES}


def figure(run: Run, out: Path) -> None:
    """Draw the run to a .png, .svg or .pdf; the same run gives the same bytes."""
    with _panels(f"{run.name}: {run.protocol}", out) as (left, right):
        _valid_rate(left, run)
        _accuracies(right, run)


def by_cycle(found: Comparison, out: Path) -> None:
    """Draw every measure by cycle and arm: means over seeds with their 95% bootstrap interval."""
    with _panels(found.protocol, out, rows=3, columns=3) as panels:
        for axes, (name, title) in zip(panels, _BY_CYCLE.items(), strict=True):
            _curves(axes, found, _OF_MEASURE[name])
            axes.set(ylabel=title)
        columns = 1 if max(len(arm.name) for arm in found.arms) > 50 else 3
        _legend_below(panels[0], columns)


def differences(found: Comparison, out: Path) -> None:
    """Draw the differences of arms that are paired by seed, a panel a measure."""
    labels = list(dict.fromkeys(one.label for one in found.differences))
    with _panels(found.protocol, out, columns=len(_CONTRASTED), height=0.9 + 0.32 * len(labels)) as panels:
        for axes, name in zip(panels, _CONTRASTED, strict=True):
            for one in found.differences:
                if one.measure.name == name:
                    _whisker(axes, labels.index(one.label), one.bootstrap)
            axes.axvline(0, color=_GREY, lw=1)
            axes.set(xlabel=f"{name}, points", ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)))
            axes.set_yticklabels(labels if axes is panels[0] else [], fontsize=7.5)


def validation(result: Validation, out: Path) -> None:
    """Draw a validation: accuracies under both protocols, ranks, and learning curves if there are any."""
    found, pairs = result.report, result.pairs
    curves = any(pair.curve for pair in pairs)
    title = f"{found.dataset}: {correlation_text(found.correlation)}"
    with _panels(title, out, columns=3 if curves else 2) as panels:
        _cloud(panels[0], [(100 * pair.proxy, 100 * pair.long) for pair in pairs], accuracy_band(pairs), 100, _BLUE)
        panels[0].set(xlabel=f"{found.proxy}: accuracy, %", ylabel=f"{found.long}: accuracy, %")
        places = zip(ranks([pair.proxy for pair in pairs]), ranks([pair.long for pair in pairs]), strict=True)
        _cloud(panels[1], list(places), rank_band(found, len(pairs)), 1, _GREEN)
        panels[1].set(xlabel="rank by the proxy", ylabel="long rank", ylim=(0, len(pairs) + 1))
        if curves:
            _learning(panels[2], pairs)


def _cloud(axes: "Axes", dots: Sequence[tuple[float, float]], band: Sequence[Point], scale: float, colour: str) -> None:
    at = [scale * point.x for point in band]
    low, high = [scale * (point.low or 0.0) for point in band], [scale * (point.high or 0.0) for point in band]
    axes.fill_between(at, low, high, color=colour, alpha=0.15, lw=0)
    axes.plot(at, [scale * point.y for point in band], color=colour, lw=1.2)
    axes.scatter([x for x, _ in dots], [y for _, y in dots], s=14, color=colour, alpha=0.75, lw=0)


def _learning(axes: "Axes", pairs: Sequence[ValidationPair]) -> None:
    for name, (colour, group) in zip(THIRDS, thirds(pairs).items(), strict=True):
        for place, pair in enumerate(pair for pair in group if pair.curve):
            epochs, accuracies = [epoch for epoch, _ in pair.curve], [100 * accuracy for _, accuracy in pair.curve]
            axes.plot(epochs, accuracies, color=_COLOURS[colour], lw=1, alpha=0.8, label=None if place else name)
    axes.set(xlabel="epoch", ylabel="validation accuracy, %")
    axes.legend(fontsize=7.5, loc="lower right")


def _whisker(axes: "Axes", row: int, interval: Interval) -> None:
    colour = _BLUE if interval.low > 0 or interval.high < 0 else _GREY
    axes.plot([100 * interval.low, 100 * interval.high], [row, row], color=colour, lw=1.5)
    axes.plot([100 * interval.value], [row], color=colour, marker="o", ms=4)


@contextmanager
def _panels(
    title: str, out: Path, rows: int = 1, columns: int = 2, height: float | None = None
) -> Iterator[list["Axes"]]:
    """Panels side by side, saved at the end without a date."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        width = 4.2 * columns if columns < 3 else 3.3 * columns
        drawn = Figure(figsize=(width, height or 2.8 * rows + 0.4), layout="constrained")
        FigureCanvasAgg(drawn)
        yield list(drawn.subplots(rows, columns, squeeze=False).flat)
        drawn.suptitle(textwrap.fill(title, int(_LETTERS * width)), fontsize=9, color=_GREY)
        undated = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        drawn.savefig(out, dpi=160, metadata=undated.get(out.suffix))


def _curves(axes: "Axes", found: Comparison, measure: Measure) -> None:
    scale = 100 if measure.fraction else 1
    for place, arm in enumerate(found.arms):
        rows = [
            (row.cycle + 1, row.measures[measure.name])
            for row in found.by_cycle
            if row.arm == arm.name and measure.name in row.measures
        ]
        colour = _COLOURS[place % len(_COLOURS)]
        spread = [(cycle, one.interval) for cycle, one in rows if one.interval]
        low = [scale * interval.low for _, interval in spread]
        high = [scale * interval.high for _, interval in spread]
        axes.fill_between([cycle for cycle, _ in spread], low, high, color=colour, alpha=0.15, lw=0)
        places, values = [cycle for cycle, _ in rows], [scale * one.value for _, one in rows]
        axes.plot(places, values, color=colour, marker="o", ms=3, lw=1.4, label=arm.name)
    axes.set(xlabel="cycle")
    _whole_cycles(axes, [row.cycle + 1 for row in found.by_cycle])


def _legend_below(axes: "Axes", columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=7.5)


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
