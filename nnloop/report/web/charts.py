"""The charts of one run."""

from collections.abc import Sequence
from itertools import accumulate

from nnloop.records import CycleReport, Interval, Status
from nnloop.report.measures.read import Run
from nnloop.report.text import percent
from nnloop.report.web import svg
from nnloop.report.web.html import Markup, tag
from nnloop.report.web.svg import Axis, Point, Series

CYCLE = Axis("cycle", whole=True)

FATES: dict[str, tuple[int, frozenset[Status]]] = {
    "valid": (2, frozenset({Status.OK, Status.BELOW_CHANCE})),
    "duplicate": (5, frozenset({Status.DUPLICATE})),
    "no usable code": (1, frozenset({Status.UNPARSEABLE, Status.PATCH_FAILED, Status.NO_CHANGE, Status.REJECTED})),
    "network broken": (3, frozenset({Status.BUILD_FAILED, Status.BAD_SHAPE, Status.CRASHED, Status.DIVERGED})),
    "over a limit": (4, frozenset({Status.TIMEOUT, Status.OUT_OF_MEMORY})),
    "tampered": (7, frozenset({Status.TAMPERED})),
    "our fault": (6, frozenset({Status.INFRASTRUCTURE})),
}
"""Groups of statuses that a chart can tell apart, with their colours; every status is in one."""

_STAGES = {"generate": 0, "evaluate": 1, "finetune": 2}


def card(title: str, chart: Markup, note: str = "", key: Markup | None = None) -> Markup:
    """Return a chart with its title, a note on how to read it, and the key to its colours."""
    caption = tag("figcaption", tag("b", title), tag("small", note) if note else None)
    return tag("figure", [caption, key, chart])


def all_charts(run: Run) -> list[Markup]:
    """Return the charts of a run that have something to show."""
    drawn = [_valid_rate, _accuracies, _best_so_far, _fates, _admitted, _jaccard, _seconds, _seconds_per_admitted]
    if any(report.costs.tokens for report in run.reports):  # llm=random writes none
        drawn += [_tokens, _tokens_per_admitted]
    if any(report.finetune and report.finetune.loss is not None for report in run.reports):
        drawn.append(_finetune_loss)
    return [draw(run) for draw in drawn]


def _valid_rate(run: Run) -> Markup:
    points = [_estimate(report.cycle, report.valid_rate) for report in run.reports]
    chart = svg.line_chart([Series("valid", points, 2)], CYCLE, percent_axis("valid completions, %", 0.0, 1.0))
    return card("Valid rate", chart, "share of all completions whose epoch completed; band: 95% (Wilson)")


def _accuracies(run: Run) -> Markup:
    columns = [(report.cycle + 1, _dots(run, report.cycle)) for report in run.reports]
    chart = svg.strip_chart(columns, CYCLE, percent_axis("validation accuracy, %"), rule=run.threshold)
    note = f"each distinct valid network; box: quartiles, bar: median; dashed: admission at {percent(run.threshold)} %"
    return card("Accuracy by cycle", chart, note)


def _best_so_far(run: Run) -> Markup:
    best, points, means = 0.0, [], []
    for report in run.reports:
        best = max(best, report.best_accuracy or 0.0)
        points.append(Point(report.cycle + 1, best, hint=f"{percent(best)} %"))
        if report.mean_accuracy:
            means.append(_estimate(report.cycle, report.mean_accuracy))
    series = [Series("best so far", points, 0), Series("mean of the cycle", means, 1)]
    start = run.corpus_best
    chart = svg.line_chart(series, CYCLE, percent_axis("validation accuracy, %"), rule=start)
    note = "band: 95% of the mean (bootstrap)"
    if start is not None:
        note += f"; dashed: best of the corpus, {percent(start)} %"
    return card("Best and mean", chart, note, key=_legend(series))


def _fates(run: Run) -> Markup:
    by_cycle = [(report.cycle + 1, _by_fate(report)) for report in run.reports]
    colours = {name: colour for name, (colour, _) in FATES.items() if any(counts[name] for _, counts in by_cycle)}
    columns = [(cycle, [counts[name] for name in colours]) for cycle, counts in by_cycle]
    chart = svg.bar_chart(columns, CYCLE, Axis("completions", low=0.0, whole=True), colours=colours)
    return card("What became of the completions", chart, key=svg.legend(colours))


def _admitted(run: Run) -> Markup:
    points = [Point(r.cycle + 1, r.counts.admitted_total, hint=f"+{r.counts.admitted}") for r in run.reports]
    chart = svg.line_chart([Series("admitted", points, 0)], CYCLE, Axis("networks", low=0.0, whole=True))
    return card("Admitted to the archive", chart, "valid, above the threshold and novel; cumulative")


def _jaccard(run: Run) -> Markup:
    points = [Point(r.cycle + 1, r.mean_jaccard) for r in run.reports if r.mean_jaccard is not None]
    chart = svg.line_chart([Series("similarity", points, 4)], CYCLE, Axis("Jaccard to the nearest", low=0.0, high=1.0))
    return card("Similarity to what was known", chart, "mean over distinct valid networks; 1 is the same text")


def _tokens(run: Run) -> Markup:
    points = [Point(report.cycle + 1, report.mean_tokens) for report in run.reports]
    chart = svg.line_chart([Series("tokens", points, 5)], CYCLE, Axis("tokens per completion", low=0.0))
    return card(f"Tokens per completion, mode={run.setting('mode.name', '-')}", chart, "generated, without the prompt")


def _tokens_per_admitted(run: Run) -> Markup:
    names = {"tokens": ("generated", 5), "prompt_tokens": ("read", 4)}
    series = [Series(name, _per_admitted(run, unit), colour) for unit, (name, colour) in names.items()]
    chart = svg.line_chart(series, CYCLE, Axis("tokens", low=0.0))
    return card("Tokens per admitted network", chart, "all so far by all admitted so far", key=_legend(series))


def _seconds_per_admitted(run: Run) -> Markup:
    names = {"seconds": ("wall time", 3), "gpu_seconds": ("GPU time", 0)}
    every = [Series(name, _per_admitted(run, unit), colour) for unit, (name, colour) in names.items()]
    series = [one for one in every if one.points]
    chart = svg.line_chart(series, CYCLE, Axis("seconds", low=0.0))
    return card("Seconds per admitted network", chart, "all so far by all admitted so far", key=_legend(series))


def _seconds(run: Run) -> Markup:
    by_cycle = [(report.cycle + 1, report.costs.seconds) for report in run.reports]
    used = {stage: colour for stage, colour in _STAGES.items() if any(stage in seconds for _, seconds in by_cycle)}
    columns = [(cycle, [seconds.get(stage, 0.0) for stage in used]) for cycle, seconds in by_cycle]
    chart = svg.bar_chart(columns, CYCLE, Axis("seconds", low=0.0), colours=used)
    note = "trials run while completions are written: evaluate is what is left then"
    return card("Seconds by stage", chart, note, key=svg.legend(used))


def _finetune_loss(run: Run) -> Markup:
    points = [
        Point(report.cycle + 1, tuned.loss, hint=f"{tuned.pairs} pairs")
        for report in run.reports
        if (tuned := report.finetune) and tuned.loss is not None
    ]
    chart = svg.line_chart([Series("loss", points, 3)], CYCLE, Axis("nats per token", low=0.0))
    return card("Loss of the fine-tune", chart, "mean over completion tokens")


def percent_axis(title: str, low: float | None = None, high: float | None = None) -> Axis:
    """Return an axis for fractions that are shown in percent; `low` and `high` None: as the data are."""
    return Axis(title, lambda value: f"{100 * value:g}", low=low, high=high, within=(0.0, 1.0))


def _estimate(cycle: int, interval: Interval) -> Point:
    hint = f"{percent(interval.value)} [{percent(interval.low)}, {percent(interval.high)}] %"
    return Point(cycle + 1, interval.value, low=interval.low, high=interval.high, hint=hint)


def _dots(run: Run, cycle: int) -> list[Point]:
    return [
        Point(cycle + 1, accuracy, link=f"#n-{entry.candidate}", hint=f"{entry.candidate}: {percent(accuracy)} %")
        for entry in sorted(run.networks, key=lambda entry: entry.slot)
        if entry.cycle == cycle and (accuracy := entry.val_accuracy) is not None
    ]


def _per_admitted(run: Run, unit: str) -> list[Point]:
    """Return the cost of all cycles so far by the networks admitted so far, for each cycle from the first admission on.

    `unit` is a key of Costs.by_unit.
    """
    costs = accumulate(report.costs.by_unit.get(unit, 0.0) for report in run.reports)
    return [
        Point(report.cycle + 1, cost / admitted, hint=f"{cost:,.0f} for {admitted}")
        for report, cost in zip(run.reports, costs, strict=True)
        if (admitted := report.counts.admitted_total) and unit in report.costs.by_unit
    ]


def _by_fate(report: CycleReport) -> dict[str, int]:
    return {name: sum(report.statuses.get(status, 0) for status in group) for name, (_, group) in FATES.items()}


def _legend(series: Sequence[Series]) -> Markup:
    return svg.legend({one.name: one.colour for one in series})
