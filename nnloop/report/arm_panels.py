"""The panels of a comparison of arms."""

from nnloop import measures
from nnloop.measures import Measure
from nnloop.report.measures.compare import Comparison, Estimate, over_seeds
from nnloop.report.panels import Axis, Panel, Point, Series, percent_axis

BY_CYCLE: dict[Measure, str] = {
    measures.VALID: "Valid rate",
    measures.MEAN: "Mean accuracy of the cycle",
    measures.MEAN_OF_ALL: "Mean accuracy, invalid as 0",
    measures.BEST: "Best so far",
    measures.ABOVE: "Share above the threshold",
    measures.ADMITTED: "Admitted, cumulative",
    measures.DISTINCT: "Distinct valid networks, cumulative",
    measures.JACCARD: "Similarity to the nearest known",
    measures.TOKENS: "Tokens generated, cumulative",
    measures.TOKENS_PER_ADMITTED: "Tokens per admitted network, cumulative",
}
CONTRASTED = (
    *(measures.VALID, measures.MEAN, measures.MEAN_OF_ALL),
    *(measures.BEST, measures.ADMITTED, measures.DISTINCT),
)
"""Measures whose differences between arms are drawn."""


def arm_panels(comparison: Comparison) -> list[Panel]:
    """Return each measure by cycle and arm, and the tokens by mode if an LLM wrote any."""
    panels = [_by_cycle(comparison, measure) for measure in BY_CYCLE]
    tokens = _tokens_by_mode(comparison)
    return [*panels, tokens] if tokens.series else panels


def _by_cycle(comparison: Comparison, measure: Measure) -> Panel:
    limits = (0.0, 1.0) if measure is measures.VALID else (None, None)
    axis = percent_axis(measure.heading, *limits) if measure.fraction else Axis(measure.heading, low=0.0)
    rows = [row for row in comparison.by_cycle if measure.name in row.measures]
    series = [
        Series(arm.name, [_point(row.cycle, row.measures[measure.name]) for row in rows if row.arm == arm.name], colour)
        for colour, arm in enumerate(comparison.arms)
    ]
    several = any(len(arm.runs) > 1 for arm in comparison.arms)
    note = "mean over seeds; band: 95% (Student's t over seeds)" if several else "one seed"
    return Panel(BY_CYCLE[measure], axis, series, note=note)


def _tokens_by_mode(comparison: Comparison) -> Panel:
    """Return the length of an LLM's completion for whole programs and for diffs, which is both papers' question."""
    runs = [run for run in comparison.runs if run.of(measures.TOKENS)]  # llm=random writes none
    series = []
    for colour, mode in enumerate(sorted({str(run.setting("mode.name")) for run in runs})):
        known: dict[int, list[float]] = {}
        for report in (report for run in runs if run.setting("mode.name") == mode for report in run.reports):
            known.setdefault(report.cycle, []).append(measures.TOKENS_EACH.of_cycle(report))
        means = [(cycle, over_seeds(values)) for cycle, values in sorted(known.items())]
        series.append(Series(mode, [_point(cycle, mean, of="runs") for cycle, mean in means if mean], colour))
    return Panel(
        "Tokens per completion by mode",
        Axis("tokens per completion", low=0.0),
        series,
        note="mean over all runs of a mode; band: 95% (Student's t)",
        key={one.name: one.colour for one in series},
    )


def _point(cycle: int, estimate: Estimate, *, of: str = "seeds") -> Point:
    low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (None, None)
    return Point(cycle + 1, estimate.value, low=low, high=high, hint=f"{estimate.value:.4g}, {estimate.n} {of}")
