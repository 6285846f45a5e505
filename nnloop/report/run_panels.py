"""The panels of one run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

from nnloop.measures import ADMITTED, BEST, JACCARD, MEAN, TOKENS_EACH, VALID, Measure
from nnloop.records import CycleReport, Interval, Status, TrialResult
from nnloop.report.measures.read import Run
from nnloop.report.panels import CYCLE, Axis, Form, Panel, Point, Series, percent_axis
from nnloop.report.text import percent

FATES: dict[str, tuple[int, frozenset[Status]]] = {
    "valid": (2, frozenset({Status.OK, Status.BELOW_CHANCE})),
    "duplicate": (5, frozenset({Status.DUPLICATE})),
    "no usable code": (
        1,
        frozenset(
            [
                Status.NO_ANSWER,
                Status.TRUNCATED,
                Status.UNPARSEABLE,
                Status.PATCH_FAILED,
                Status.NO_CHANGE,
                Status.REJECTED,
            ]
        ),
    ),
    "network broken": (3, frozenset({Status.BUILD_FAILED, Status.BAD_SHAPE, Status.CRASHED, Status.DIVERGED})),
    "over a limit": (4, frozenset({Status.TIMEOUT, Status.OUT_OF_MEMORY})),
    "off the recipe": (7, frozenset({Status.TAMPERED, Status.OFF_RECIPE})),
    "our fault": (6, frozenset({Status.INFRASTRUCTURE})),
}
"""Groups of statuses that a chart can tell apart, with their colours; every status is in one."""

_STAGES = {"generate": 0, "evaluate": 1, "finetune": 2}
_COUNT = Axis("completions", low=0.0, whole=True)
MOST_DOTS = 400
"""Networks beside the Pareto front in a chart, the best ones."""
_SECONDS = Axis("seconds", low=0.0)


def run_panels(run: Run) -> list[Panel]:
    """Return the panels of a run that have something to show; those of pictures come first."""
    panels = [
        Panel(
            "Valid rate",
            percent_axis("valid completions, %", 0.0, 1.0),
            [_curve(run, VALID, 2)],
            note="share of first answers whose epoch completed; band: 95% (Wilson, this run alone)",
        ),
        _accuracies(run),
        _best_and_mean(run),
        *([_front(run)] if run.front else []),
        _stacked("What became of the completions", axis=_COUNT, series=_fates(run)),
        Panel(
            "Admitted to the archive",
            Axis("networks", low=0.0, whole=True),
            [Series("admitted", _so_far(run, ADMITTED.of_cycle))],
            note="valid, above the threshold and novel; cumulative",
        ),
        Panel(
            "Similarity to known networks",
            Axis("Jaccard to the nearest", low=0.0, high=1.0),
            [_curve(run, JACCARD, 4)],
            note="mean over distinct valid networks; 1 is the same text",
        ),
        replace(
            _stacked("Seconds by stage", axis=_SECONDS, series=_seconds(run)),
            note="trials run while completions are written: evaluate is the rest after that",
        ),
        _per_admitted(
            run, "Seconds", axis=_SECONDS, units={"seconds": ("wall time", 3), "gpu_seconds": ("GPU time", 0)}
        ),
    ]
    if any(report.costs.tokens for report in run.reports):  # llm=random writes none
        title = f"Tokens per completion, mode={run.setting('mode.name', '-')}"
        axis = Axis("tokens per completion", low=0.0)
        panels.append(Panel(title, axis, [_curve(run, TOKENS_EACH, 5)], note="generated, without the prompt"))
        read = {"tokens": ("generated", 5), "prompt_tokens": ("read", 4)}
        panels.append(_per_admitted(run, "Tokens", axis=Axis("tokens", low=0.0), units=read))
    panels += [
        _costs(run, "Accuracy against parameters", lambda result: result.params),
        _costs(run, "Accuracy against FLOPs", lambda result: result.flops),
    ]
    losses = [
        Point(report.cycle + 1, report.finetune.loss, hint=f"{report.finetune.pairs} pairs")
        for report in run.reports
        if report.finetune and report.finetune.loss is not None
    ]
    if losses:
        axis, series = Axis("nats per token", low=0.0), [Series("loss", losses, 3)]
        panels.append(Panel("Loss of the fine-tune", axis, series, note="mean over completion tokens"))
    return panels


def _curve(run: Run, measure: Measure, colour: int) -> Series:
    """Return a measure by cycle, with its interval if it has one."""
    points = []
    for report in run.reports:
        value = measure.of_cycle(report)
        if isinstance(value, Interval):
            hint = f"{percent(value.value)} [{percent(value.low)}, {percent(value.high)}] %"
            points.append(Point(report.cycle + 1, value.value, low=value.low, high=value.high, hint=hint))
        elif value is not None:
            points.append(Point(report.cycle + 1, value))
    return Series(measure.name, points, colour)


def _accuracies(run: Run) -> Panel:
    dots = [
        Point(entry.cycle + 1, value, link=f"#n-{entry.candidate}", hint=f"{entry.candidate}: {percent(value)} %")
        for entry in sorted(run.networks, key=lambda entry: entry.slot)
        if (value := entry.val_accuracy) is not None
    ]
    return Panel(
        "Accuracy by cycle",
        percent_axis("validation accuracy, %"),
        [Series("network", dots)],
        note=f"each distinct valid network; box: quartiles, bar: median; dashed: admission at {run.bar}",
        form=Form.STRIP,
        rule=run.threshold if isinstance(run.threshold, float) else None,
        x=replace(CYCLE, low=0.4, high=len(run.reports) + 0.6),
    )


def _front(run: Run) -> Panel:
    """Return accuracy against cost of all networks; those of the front are a series of their own."""
    assert run.tradeoff is not None
    cost_of, cost = run.tradeoff.cost_of, run.tradeoff.cost
    points = {
        str(entry.candidate): Point(
            math.log10(1 + cost_of(entry.result)),
            entry.val_accuracy or 0.0,
            link=f"#n-{entry.candidate}",
            hint=f"{entry.candidate}: {percent(entry.val_accuracy or 0.0)} %, {cost_of(entry.result):,.0f} {cost}",
        )
        for entry in run.networks
        if entry.result and cost_of(entry.result) < math.inf
    }
    first = [str(entry.candidate) for entry in reversed(run.front) if str(entry.candidate) in points]
    others = [point for name, point in points.items() if name not in first]
    return Panel(
        f"Accuracy against {cost}",
        percent_axis("validation accuracy, %"),
        [Series("front", [points[name] for name in first], 2), Series("other networks", others)],
        note=f"front: no other network of the run is as accurate with fewer {cost}; counted by nnloop, "
        "params with buffers",
        form=Form.STRIP,
        x=Axis(f"{cost}, powers of ten"),
    )


def _costs(run: Run, title: str, cost: Callable[[TrialResult], int | None]) -> Panel:
    """Return the accuracies of networks against what they cost, on a logarithmic axis, with the Pareto front."""
    known = [
        (size, accuracy, entry.candidate)
        for entry in run.networks
        if entry.result and (size := cost(entry.result) or 0) > 0 and (accuracy := entry.val_accuracy) is not None
    ]
    front = pareto([(size, accuracy) for size, accuracy, _ in known])
    points = [
        Point(math.log10(size), accuracy, link=f"#n-{name}", hint=f"{name}: {percent(accuracy)} %")
        for size, accuracy, name in known
    ]
    ahead = [points[place] for place in front]
    behind = [point for place, point in enumerate(points) if place not in set(front)][:MOST_DOTS]
    note = "line: no smaller network is better"
    if len(behind) + len(ahead) < len(points):
        note += f"; the best {len(behind) + len(ahead)} of {len(points)} networks"
    return Panel(
        title,
        percent_axis("validation accuracy, %"),
        [Series("network", behind, 6, line=False), Series("Pareto front", ahead, 0)],
        note=note,
        x=Axis(title.rpartition(" ")[2], lambda value: large(10**value)),
    )


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points (cost, accuracy) to which no other is cheaper and as good, the cheapest first."""
    front: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1])):
        if not front or points[place][1] > points[front[-1]][1]:
            front.append(place)
    return front


def large(value: float) -> str:
    """Return a large number in short, as in "1.5M"."""
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{value / power:.3g}{letter}"
    return f"{value:.3g}"


def _best_and_mean(run: Run) -> Panel:
    best = accumulate((BEST.of_cycle(report) or 0.0 for report in run.reports), max)
    points = [
        Point(report.cycle + 1, value, hint=f"{percent(value)} %")
        for report, value in zip(run.reports, best, strict=True)
    ]
    note = "band: 95% of the mean (bootstrap, this run alone)"
    if run.corpus_best is not None:
        note += f"; dashed: best of the corpus, {percent(run.corpus_best)} %"
    return Panel(
        "Best and mean",
        percent_axis("validation accuracy, %"),
        [Series("best so far", points, 0), _curve(run, MEAN, 1)],
        note=note,
        rule=run.corpus_best,
        key={"best so far": 0, "mean of the cycle": 1},
    )


def _fates(run: Run) -> list[Series]:
    series = []
    for name, (colour, group) in FATES.items():
        counts = [sum(report.statuses.get(status, 0) for status in group) for report in run.reports]
        points = [Point(report.cycle + 1, count) for report, count in zip(run.reports, counts, strict=True)]
        series.append(Series(name, points, colour))
    return series


def _seconds(run: Run) -> list[Series]:
    return [
        Series(stage, [Point(one.cycle + 1, one.costs.seconds.get(stage, 0.0)) for one in run.reports], colour)
        for stage, colour in _STAGES.items()
    ]


def _stacked(title: str, *, axis: Axis, series: list[Series]) -> Panel:
    """Return the panel of the series that aren't 0 throughout."""
    shown = [one for one in series if any(point.y for point in one.points)]
    return Panel(title, axis, shown, form=Form.BARS, key={one.name: one.colour for one in shown})


def _so_far(run: Run, read: Callable[[CycleReport], float]) -> list[Point]:
    totals = accumulate(map(read, run.reports))
    return [
        Point(report.cycle + 1, total, hint=f"+{read(report):g}")
        for report, total in zip(run.reports, totals, strict=True)
    ]


def _per_admitted(run: Run, what: str, *, axis: Axis, units: dict[str, tuple[str, int]]) -> Panel:
    """Return the costs of all cycles so far by the networks admitted so far, from the first admission on.

    `units` gives name and colour for keys of Costs.by_unit; one that no cycle knows is left out.
    """
    series = []
    for unit, (name, colour) in units.items():
        costs = accumulate(report.costs.by_unit.get(unit, 0.0) for report in run.reports)
        points = [
            Point(report.cycle + 1, cost / admitted, hint=f"{cost:,.0f} for {admitted}")
            for report, cost in zip(run.reports, costs, strict=True)
            if (admitted := report.counts.admitted_total) and unit in report.costs.by_unit
        ]
        series += [Series(name, points, colour)] if points else []
    key = {one.name: one.colour for one in series}
    note = "all so far by all admitted so far"
    return Panel(f"{what} per admitted network", axis, series, note=note, key=key)
