"""Draw the panels of the shipped W&B workspace from the offline data of a run: RUN_FOLDER OUT.png."""

import sys
from pathlib import Path
from typing import Any

from wandb_log import read_log

from nnloop.tracking.metrics import STEP
from nnloop.tracking.workspace import SECTIONS, Band, Plot

COLUMNS = 4


def history(folder: Path) -> list[dict[str, Any]]:
    """The rows of all parts of an offline run."""
    logs = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
    return [record["content"] for log in logs for record in read_log(log) if record["type"] == "history"]


def series(rows: list[dict[str, Any]], axis: str, key: str) -> tuple[list[float], list[float]]:
    points = [(row[axis], row[key]) for row in rows if axis in row and key in row]
    return [x for x, _ in points], [y for _, y in points]


def draw(axes: Any, plot: Plot | Band, rows: list[dict[str, Any]]) -> None:
    axes.set_title(plot.title, fontsize=8)
    if isinstance(plot, Band):
        middle, low, high = (series(rows, STEP, key) for key in plot.keys)
        axes.fill_between(low[0], low[1], high[1], alpha=0.2)
        axes.plot(*middle, marker="o", markersize=3)
        return
    lines = {key.partition("/")[2]: series(rows, plot.axis, key) for key in plot.keys}
    if plot.stacked:
        axes.stackplot(next(iter(lines.values()))[0], [y for _, y in lines.values()], labels=lines)
    else:
        for name, (x, y) in lines.items():
            axes.plot(x, y, marker="o", markersize=2, linewidth=1, label=name)
    if len(lines) > 1:
        axes.legend(fontsize=5)
    axes.set_xlabel(plot.axis.replace("/", " "), fontsize=7)


def main(folder: Path, out: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = history(folder)
    heights = [-(-len(plots) // COLUMNS) for plots in SECTIONS.values()]
    figure = pyplot.figure(figsize=(11, 1.9 * sum(heights)), layout="constrained")
    for part, (name, plots) in zip(
        figure.subfigures(len(SECTIONS), 1, height_ratios=heights), SECTIONS.items(), strict=True
    ):
        part.suptitle(name, x=0.01, ha="left", fontsize=9, fontweight="bold")
        for axes, plot in zip(
            part.subplots(-(-len(plots) // COLUMNS), COLUMNS, squeeze=False).flat, plots, strict=False
        ):
            axes.tick_params(labelsize=6)
            draw(axes, plot, rows)
        for axes in part.axes[len(plots) :]:
            axes.axis("off")
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
