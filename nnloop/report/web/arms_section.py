"""The comparison of arms, as a section of the overview."""

from functools import partial

from nnloop.records import Interval
from nnloop.report.measures.compare import (
    MEANING,
    MEASURES,
    Comparison,
    Difference,
    Estimate,
    Measure,
    over_seeds,
)
from nnloop.report.text import count, interval, percent, plain_interval
from nnloop.report.web import svg
from nnloop.report.web.charts import CYCLE, card, percent_axis
from nnloop.report.web.html import Content, Markup, details, remark, table, tag
from nnloop.report.web.svg import Axis, Point, Series

_BY_CYCLE = {
    "valid": "Valid rate",
    "mean": "Mean accuracy of the cycle",
    "per completion": "Accuracy per completion, invalid as 0",
    "best": "Best so far",
    "above": "Share above the threshold",
    "admitted": "Admitted, cumulative",
    "distinct": "Distinct valid networks, cumulative",
    "Jaccard": "Similarity to the nearest known",
    "tokens": "Tokens generated, cumulative",
    "tokens per admitted": "Tokens per admitted network, cumulative",
}
_CONTRASTED = ("valid", "mean", "per completion", "best", "admitted", "distinct")
_OF_MEASURE = {measure.name: measure for measure in MEASURES}


def arms_section(comparison: Comparison) -> Markup:
    """Return the arms' measures, curves, differences and rankings."""
    parts = [
        _final(comparison),
        svg.legend({arm.name: colour for colour, arm in enumerate(comparison.arms)}),
        tag("div", map(partial(_by_cycle, comparison), _BY_CYCLE), _tokens_by_mode(comparison), class_="charts"),
        _differences(comparison),
        _rankings(comparison),
    ]
    return tag("div", parts)


def _final(comparison: Comparison) -> Markup:
    note = f"means over seeds of {_last(comparison)} of each run, "
    note += "with their 95% bootstrap interval; none from a single seed"
    if comparison.unfinished:
        note += f"; {comparison.unfinished} unfinished runs are in the curves alone"
    rows = [[_name(one.arm.name), count(len(one.arm.runs)), *_cells(one.measures)] for one in comparison.final]
    parts = [
        tag("h3", "Arms"),
        remark(note),
        table(["arm", "seeds", *map(_head, MEASURES)], rows),
        details("what the columns mean", table(["column", "is"], MEANING.items(), class_="words")),
        _all_settings(comparison),
    ]
    return tag("div", parts)


def _all_settings(comparison: Comparison) -> Markup | None:
    """Return every setting in which the arms differ; None if their names hold all of them."""
    keys = list(dict.fromkeys(key for arm in comparison.arms for key in arm.parts))
    if all(key in comparison.arms[0].shown for key in keys):
        return None
    rows = [[_name(arm.name), *(arm.parts.get(key, "-") for key in keys)] for arm in comparison.arms]
    return details("all settings in which the arms differ", table(["arm", *keys], rows, class_="words"))


def _last(comparison: Comparison) -> str:
    return f"the last {comparison.last} cycles" if comparison.last > 1 else "the last cycle"


def _by_cycle(comparison: Comparison, name: str) -> Markup:
    measure = _OF_MEASURE[name]
    whole = (0.0, 1.0) if name == "valid" else (None, None)
    axis = percent_axis(f"{name}, %", *whole) if measure.fraction else Axis(name, low=0.0)
    rows = [row for row in comparison.by_cycle if name in row.measures]
    series = [
        Series(arm.name, [_point(row.cycle, row.measures[name]) for row in rows if row.arm == arm.name], colour)
        for colour, arm in enumerate(comparison.arms)
    ]
    several = any(len(arm.runs) > 1 for arm in comparison.arms)
    note = "mean over seeds; band: 95% (bootstrap over seeds)" if several else "one seed"
    return card(_BY_CYCLE[name], svg.line_chart(series, CYCLE, axis), note)


def _tokens_by_mode(comparison: Comparison) -> Markup | None:
    """Draw how much an LLM writes for a completion, whole programs or diffs, which is both papers' question."""
    runs = [run for run in comparison.runs if run.figures.tokens]  # llm=random writes none
    modes = sorted({str(run.setting("mode.name")) for run in runs})
    series = []
    for colour, mode in enumerate(modes):
        known: dict[int, list[float]] = {}
        for report in (report for run in runs if run.setting("mode.name") == mode for report in run.reports):
            known.setdefault(report.cycle, []).append(report.mean_tokens)
        means = [(cycle, over_seeds(values)) for cycle, values in sorted(known.items())]
        series.append(Series(mode, [_point(cycle, mean, of="runs") for cycle, mean in means if mean], colour))
    if not series:
        return None
    key = svg.legend({one.name: one.colour for one in series})
    chart = svg.line_chart(series, CYCLE, Axis("tokens per completion", low=0.0))
    return card("Tokens per completion by mode", chart, "mean over all runs of a mode; band: 95% (bootstrap)", key=key)


def _point(cycle: int, estimate: Estimate, *, of: str = "seeds") -> Point:
    low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (None, None)
    return Point(cycle + 1, estimate.value, low=low, high=high, hint=f"{estimate.value:.4g}, {estimate.n} {of}")


def _differences(comparison: Comparison) -> Markup | None:
    if not comparison.differences:
        return None
    note = f"means of {_last(comparison)}, paired by seed; bars: 95% bootstrap interval over shared seeds"
    head = ["difference", "measure", "seeds", "mean", "95% bootstrap", "95% Student's t", "seeds above"]
    parts = [
        tag("h3", "Differences between arms"),
        remark(note),
        tag("div", (_forest(comparison, name) for name in _CONTRASTED), class_="charts"),
        details("all measures", table(head, map(_difference_row, comparison.differences))),
    ]
    return tag("div", parts)


def _forest(comparison: Comparison, name: str) -> Markup:
    measure = _OF_MEASURE[name]
    rows = [(one.label, one.bootstrap) for one in comparison.differences if one.measure == measure]
    axis = Axis("percentage points", lambda v: f"{100 * v:.3g}") if measure.fraction else Axis(name)
    return card(name, svg.forest_chart(rows, axis), MEANING[name])


def _difference_row(one: Difference) -> list[Content]:
    shown = partial(_range, one.measure)
    mean = percent(one.bootstrap.value, 2) if one.measure.fraction else f"{one.bootstrap.value:.3g}"
    return [one.label, _head(one.measure), len(one.seeds), mean, shown(one.bootstrap), shown(one.student), one.better]


def _range(measure: Measure, one: Interval) -> str:
    if measure.fraction:
        return f"[{percent(one.low, 2)}, {percent(one.high, 2)}]"
    return f"[{one.low:.3g}, {one.high:.3g}]"


def _rankings(comparison: Comparison) -> Markup | None:
    if not comparison.rankings:
        return None
    parts: list[Content] = [tag("h3", "Ranking at equal budgets")]
    for kind, (budget, ranked) in comparison.rankings.items():
        note = f"every run cut off after {count(budget)} {kind}, the most that all of them spent; by the best accuracy"
        head = ["arm", "place", "seeds", "completions", *map(_head, MEASURES)]
        rows = (
            [_name(one.arm), str(place), str(one.n), count(one.completions.value), *_cells(one.measures)]
            for place, one in enumerate(ranked, 1)
        )
        parts += [tag("p", tag("b", f"equal {kind}: "), note), table(head, rows)]
    return tag("div", parts)


def _name(arm: str) -> Markup:
    return tag("span", arm, class_="name")  # may wrap


def _cells(measures: dict[str, Estimate]) -> list[str]:
    cells = []
    for measure in MEASURES:
        shown = measures[measure.name].as_interval if measure.name in measures else None
        cells.append(interval(shown) if measure.fraction else plain_interval(shown))
    return cells


def _head(measure: Measure) -> str:
    return f"{measure.name}, %" if measure.fraction else measure.name
