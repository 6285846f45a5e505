"""Pictures for a README or a paper: panels of a run, of a comparison and of a validation, drawn by matplotlib."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnloop.records import Interval
from nnloop.report.arm_panels import CONTRASTED, arm_panels
from nnloop.report.measures.compare import Comparison
from nnloop.report.measures.read import Run
from nnloop.report.measures.validation import Validation, correlation_text
from nnloop.report.panels import Form, Panel, Series
from nnloop.report.run_panels import run_panels
from nnloop.report.validation_panels import validation_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = 12  # of a title, in an inch
_BLUE, _GREY = "#0072b2", "#5b6470"
_COLOURS = (_BLUE, "#e08e00", "#008a66", "#d55e00", "#a8528a", "#3fa0d8", "#6b7280", "#b8a100")  # as in style.css
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#d9dde3",
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "svg.hashsalt": "nnloop",
    "text.parse_math": False,
}
_OF_RUN = 3  # panels of a run that its picture shows


def figure(run: Run, out: Path) -> None:
    """Draw the first panels of a run to a .png, .svg or .pdf; the same run gives the same bytes."""
    _draw_all(run_panels(run)[:_OF_RUN], f"{run.name}: {run.protocol}", out)


def by_cycle(comparison: Comparison, out: Path) -> None:
    """Draw every measure by cycle and arm: means over seeds with their 95% interval."""
    _draw_all(arm_panels(comparison), comparison.protocol, out, arms=[arm.name for arm in comparison.arms])


def validation(result: Validation, out: Path) -> None:
    """Draw the panels of a validation."""
    report = result.report
    _draw_all(validation_panels(result), f"{report.dataset}: {correlation_text(report.correlation)}", out)


def differences(comparison: Comparison, out: Path) -> None:
    """Draw the differences of arms that are paired by seed, a panel a measure."""
    labels = list(dict.fromkeys(one.label for one in comparison.differences))
    with _panels(len(CONTRASTED), comparison.protocol, out, height=0.9 + 0.32 * len(labels)) as grid:
        for number, (axes, measure) in enumerate(zip(grid, CONTRASTED, strict=True)):
            for one in comparison.differences:
                if one.measure is measure:
                    _whisker(axes, labels.index(one.label), one.interval, scale=100 if measure.fraction else 1)
            axes.axvline(0, color=_GREY, lw=1)
            unit = "points" if measure.fraction else measure.unit
            axes.set(xlabel=f"{measure.name}, {unit}", ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)))
            axes.set_yticklabels([] if number % 3 else labels, fontsize=7.5)


def _draw_all(panels: Sequence[Panel], title: str, out: Path, *, arms: Sequence[str] = ()) -> None:
    """Draw panels; `arms` are named once, below all of them."""
    with _panels(len(panels), title, out) as grid:
        for axes, panel in zip(grid, panels, strict=True):
            _draw(axes, panel)
        if arms:
            handles = [_handle(colour) for colour in range(len(arms))]
            columns = 1 if max(map(len, arms)) > 50 else 3
            grid[0].figure.legend(handles, arms, loc="outside lower center", ncols=columns)


def _draw(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set(title=panel.title, xlabel=panel.x.title, ylabel=panel.y.title)
    for axis, drawn in ((panel.x, axes.xaxis), (panel.y, axes.yaxis)):
        drawn.set_major_formatter(FuncFormatter(lambda value, _, label=axis.label: label(round(value, 12))))
        drawn.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], integer=axis.whole))
    {Form.LINES: _lines, Form.STRIP: _strip, Form.BARS: _bars}[panel.form](axes, panel.series)
    axes.set_ylim(panel.y.low, panel.y.high)  # only now: limits that are set end the scaling by data
    if panel.rule is not None:
        axes.axhline(panel.rule, color=_GREY, lw=1, ls="--")
    if panel.key:
        axes.legend([_handle(colour) for colour in panel.key.values()], list(panel.key))


def _lines(axes: "Axes", series: Sequence[Series]) -> None:
    for one in series:
        shaded = [point for point in one.points if point.low is not None and point.high is not None]
        low, high = [point.low or 0.0 for point in shaded], [point.high or 0.0 for point in shaded]
        at, heights = [point.x for point in one.points], [point.y for point in one.points]
        if one.line:
            axes.fill_between([point.x for point in shaded], low, high, color=_colour(one.colour), alpha=0.15, lw=0)
        marker = "o" if one.dots else ""
        line = ("--" if one.colour >= len(_COLOURS) else "-") if one.line else ""
        axes.plot(at, heights, color=_colour(one.colour), marker=marker, ms=3, lw=1.3, ls=line, alpha=0.9)


def _strip(axes: "Axes", series: Sequence[Series]) -> None:
    for one in series:
        spread = [point.x + (number * 0.618034 % 1 - 0.5) * 0.5 for number, point in enumerate(one.points)]
        axes.scatter(spread, [point.y for point in one.points], s=7, color=_colour(one.colour), alpha=0.45, lw=0)


def _bars(axes: "Axes", series: Sequence[Series]) -> None:
    base: dict[float, float] = {}
    for one in series:
        for point in one.points:
            axes.bar(point.x, point.y, bottom=base.get(point.x, 0.0), color=_colour(one.colour), width=0.7)
            base[point.x] = base.get(point.x, 0.0) + point.y


def _whisker(axes: "Axes", row: int, interval: Interval, *, scale: int) -> None:
    colour = _BLUE if interval.low > 0 or interval.high < 0 else _GREY
    axes.plot([scale * interval.low, scale * interval.high], [row, row], color=colour, lw=1.5)
    axes.plot([scale * interval.value], [row], color=colour, marker="o", ms=4)


def _handle(colour: int) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=_colour(colour), ls="--" if colour >= len(_COLOURS) else "-")


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


@contextmanager
def _panels(number: int, title: str, out: Path, *, height: float = 2.8) -> Iterator[list["Axes"]]:
    """Give axes of `height` inches, three a row, and save them at the end without a date."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        rows, columns = math.ceil(number / 3), min(3, number)
        width = 3.6 * columns
        drawn = Figure(figsize=(width, height * rows + 0.4), layout="constrained")
        FigureCanvasAgg(drawn)
        grid = list(drawn.subplots(rows, columns, squeeze=False).flat)
        for empty in grid[number:]:
            empty.remove()
        yield grid[:number]
        drawn.suptitle(textwrap.fill(title, int(_LETTERS * width)), fontsize=9, color=_GREY)
        undated = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        drawn.savefig(out, dpi=160, metadata=undated.get(out.suffix))
