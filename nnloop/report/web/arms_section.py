"""What arms show against each other, as a section of the overview."""

from collections.abc import Sequence
from functools import partial

from nnloop.records import Interval
from nnloop.report.measures.compare import (
    MEANING,
    MEASURES,
    Comparison,
    Difference,
    Estimate,
    Measure,
    Ranked,
    over_seeds,
)
from nnloop.report.text import count, interval, percent, plain_interval
from nnloop.report.web import svg
from nnloop.report.web.charts import CYCLE, card, percent_axis
from nnloop.report.web.html import Content, Markup, details, table, tag
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


def arms_section(found: Comparison) -> Markup:
    return tag(
        "div",
        _final(found),
        _key(found),
        tag("div", map(partial(_by_cycle, found), _BY_CYCLE), _tokens_by_mode(found), class_="charts"),
        _differences(found),
        _rankings(found),
    )


def _final(found: Comparison) -> Markup:
    note = f"means over seeds of {_last(found)} of each run, with their 95% bootstrap interval; none from a single seed"
    if found.unfinished:
        note += f"; {found.unfinished} unfinished runs are in the curves alone"
    rows: list[list[Content]] = [
        [_name(one.arm.name), len(one.arm.runs), *map(partial(_cell, one.measures), MEASURES)] for one in found.final
    ]
    return tag(
        "div",
        tag("h3", "Arms"),
        tag("p", note, class_="sub"),
        table(["arm", "seeds", *map(_head, MEASURES)], rows),
        details("what the columns mean", table(["column", "is"], MEANING.items(), class_="words")),
        _all_settings(found),
    )


def _all_settings(found: Comparison) -> Markup | None:
    """Every setting in which the arms differ, where their names leave some out."""
    keys = list(dict.fromkeys(key for arm in found.arms for key in arm.parts))
    if all(key in found.arms[0].shown for key in keys):
        return None
    rows: list[list[Content]] = [[_name(arm.name), *(arm.parts.get(key, "-") for key in keys)] for arm in found.arms]
    return details("all settings in which the arms differ", table(["arm", *keys], rows, class_="words"))


def _last(found: Comparison) -> str:
    return f"the last {found.last} cycles" if found.last > 1 else "the last cycle"


def _by_cycle(found: Comparison, name: str) -> Markup:
    measure = _OF_MEASURE[name]
    whole = (0.0, 1.0) if name == "valid" else (None, None)
    axis = percent_axis(f"{name}, %", *whole) if measure.fraction else Axis(name, low=0.0)
    series = [
        Series(
            arm.name,
            [
                _point(row.cycle, row.measures[name])
                for row in found.by_cycle
                if row.arm == arm.name and name in row.measures
            ],
            place,
        )
        for place, arm in enumerate(found.arms)
    ]
    note = (
        "mean over seeds; band: 95% (bootstrap over seeds)" if any(len(a.runs) > 1 for a in found.arms) else "one seed"
    )
    return card(_BY_CYCLE[name], svg.line_chart(series, CYCLE, axis), note)


def _key(found: Comparison) -> Markup:
    """What the colours of all charts by arm mean, once."""
    return svg.legend([arm.name for arm in found.arms], range(len(found.arms)))


def _tokens_by_mode(found: Comparison) -> Markup | None:
    """What both papers are about: how much an LLM writes for a completion, whole programs or diffs."""
    runs = [run for run in found.runs if run.figures.tokens]  # llm=random writes none
    modes = sorted({str(run.setting("mode.name")) for run in runs})
    series = []
    for colour, mode in enumerate(modes):
        known: dict[int, list[float]] = {}
        for report in (report for run in runs if run.setting("mode.name") == mode for report in run.reports):
            known.setdefault(report.cycle, []).append(report.mean_tokens)
        means = [(cycle, over_seeds(values)) for cycle, values in sorted(known.items())]
        series.append(Series(mode, [_point(cycle, mean, "runs") for cycle, mean in means if mean], colour))
    if not series:
        return None
    key = svg.legend([one.name for one in series], [one.colour for one in series])
    chart = svg.line_chart(series, CYCLE, Axis("tokens per completion", low=0.0))
    return card("Tokens per completion by mode", chart, "mean over all runs of a mode; band: 95% (bootstrap)", key)


def _point(cycle: int, estimate: Estimate, of: str = "seeds") -> Point:
    low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (None, None)
    return Point(cycle + 1, estimate.value, low, high, hint=f"{estimate.value:.4g}, {estimate.n} {of}")


def _differences(found: Comparison) -> Markup | None:
    if not found.differences:
        return None
    note = f"means of {_last(found)}, paired by seed; bars: 95% bootstrap interval over shared seeds"
    head = ["difference", "measure", "seeds", "mean", "95% bootstrap", "95% Student's t", "seeds above"]
    return tag(
        "div",
        tag("h3", "Differences between arms"),
        tag("p", note, class_="sub"),
        tag("div", (_forest(found, name) for name in _CONTRASTED), class_="charts"),
        details("all measures", table(head, map(_difference_row, found.differences))),
    )


def _forest(found: Comparison, name: str) -> Markup:
    measure = _OF_MEASURE[name]
    rows = [(one.label, one.bootstrap) for one in found.differences if one.measure == measure]
    axis = Axis("percentage points", lambda v: f"{100 * v:.3g}") if measure.fraction else Axis(name)
    return card(name, svg.forest_chart(rows, axis), MEANING[name])


def _difference_row(one: Difference) -> list[Content]:
    shown = partial(_range, one.measure)
    mean = percent(one.bootstrap.value, 2) if one.measure.fraction else f"{one.bootstrap.value:.3g}"
    return [one.label, _head(one.measure), len(one.seeds), mean, shown(one.bootstrap), shown(one.student), one.better]


def _range(measure: Measure, found: Interval) -> str:
    if measure.fraction:
        return f"[{percent(found.low, 2)}, {percent(found.high, 2)}]"
    return f"[{found.low:.3g}, {found.high:.3g}]"


def _rankings(found: Comparison) -> Markup | None:
    if not found.rankings:
        return None
    parts: list[Content] = [tag("h3", "Ranking at equal budgets")]
    for kind, (budget, ranked) in found.rankings.items():
        note = f"every run cut off after {count(budget)} {kind}, the most that all of them spent; by the best accuracy"
        head = ["arm", "place", "seeds", "completions", *map(_head, MEASURES)]
        parts += [tag("p", tag("b", f"equal {kind}: "), note), table(head, _ranked_rows(ranked))]
    return tag("div", parts)


def _ranked_rows(ranked: Sequence[Ranked]) -> list[list[Content]]:
    return [
        [_name(one.arm), place, one.n, count(one.completions.value), *map(partial(_cell, one.measures), MEASURES)]
        for place, one in enumerate(ranked, 1)
    ]


def _name(arm: str) -> Markup:
    return tag("span", arm, class_="name")  # may wrap


def _cell(measures: dict[str, Estimate], measure: Measure) -> str:
    found = measures.get(measure.name)
    shown = found.as_interval if found else None
    return interval(shown) if measure.fraction else plain_interval(shown)


def _head(measure: Measure) -> str:
    return f"{measure.name}, %" if measure.fraction else measure.name
