"""The comparison of arms, as a section of the overview."""

from collections.abc import Sequence

from nnloop.measures import (
    ADMITTED,
    BEST,
    COMPARED,
    INCUMBENT,
    MEAN,
    MEAN_OF_ALL,
    TEST_OF_INCUMBENT,
    TOKENS_PER_ADMITTED,
    VALID,
    Measure,
)
from nnloop.records import Interval
from nnloop.report.arm_panels import CONTRASTED, arm_panels
from nnloop.report.measures.compare import Comparison, Difference, Estimate
from nnloop.report.panels import Axis
from nnloop.report.text import count, interval, percent, plain_interval
from nnloop.report.web import svg
from nnloop.report.web.charts import card, titled
from nnloop.report.web.html import Content, Markup, details, estimate, remark, table, tag

_FIRST = (MEAN, VALID, INCUMBENT, TEST_OF_INCUMBENT, BEST, MEAN_OF_ALL, ADMITTED, TOKENS_PER_ADMITTED)
"""Measures of the first table; the others are folded away."""


def arms_section(comparison: Comparison) -> Markup:
    """Return the arms' measures, curves, differences and rankings."""
    parts = [
        _final(comparison),
        svg.legend({arm.name: colour for colour, arm in enumerate(comparison.arms)}, switches=True),
        tag("div", map(card, arm_panels(comparison)), class_="charts"),
        _differences(comparison),
        _rankings(comparison),
    ]
    return tag("div", parts)


def _final(comparison: Comparison) -> Markup:
    note = f"means over seeds of {_last(comparison)} of each run, "
    note += "with their 95% interval (Student's t over seeds); none from a single seed"
    if comparison.unfinished:
        note += f"; {comparison.unfinished} unfinished runs are in the curves alone"
    rows = [(one.arm.name, count(len(one.arm.runs)), one.measures) for one in comparison.final]
    meanings = [[measure.name, measure.meaning] for measure in COMPARED]
    parts = [
        tag("h3", "Arms"),
        remark(note),
        _arms(rows, _FIRST),
        details("further measures", _arms(rows, [measure for measure in COMPARED if measure not in _FIRST])),
        details("what the columns mean", table(["column", "is"], meanings, class_="words")),
        _all_settings(comparison),
    ]
    return tag("div", parts)


def _arms(rows: Sequence[tuple[str, str, dict[str, Estimate]]], shown: Sequence[Measure]) -> Markup:
    """Return some measures of the arms; few enough to fit a screen."""
    head = ["arm", "seeds", *(measure.heading for measure in shown)]
    return table(head, [[_name(name), seeds, *_cells(known, shown)] for name, seeds, known in rows])


def _all_settings(comparison: Comparison) -> Markup | None:
    """Return every setting in which the arms differ; None if their names hold all of them."""
    keys = list(dict.fromkeys(key for arm in comparison.arms for key in arm.parts))
    if all(key in comparison.arms[0].shown for key in keys):
        return None
    rows = [[_name(arm.name), *(arm.parts.get(key, "-") for key in keys)] for arm in comparison.arms]
    return details("all settings in which the arms differ", table(["arm", *keys], rows, class_="words"))


def _last(comparison: Comparison) -> str:
    return f"the last {comparison.last} cycles" if comparison.last > 1 else "the last cycle"


def _differences(comparison: Comparison) -> Markup | None:
    if not comparison.differences:
        return None
    note = f"means of {_last(comparison)}, paired by seed; bars: 95% (Student's t over shared seeds)"
    head = ["difference", "measure", "seeds", "mean", "95%", "p", "p of all (Holm)", "seeds above"]
    parts = [
        tag("h3", "Differences between arms"),
        remark(note),
        tag("div", (_forest(comparison, measure) for measure in CONTRASTED), class_="charts"),
        details("all measures", table(head, map(_difference_row, comparison.differences))),
    ]
    return tag("div", parts)


def _forest(comparison: Comparison, measure: Measure) -> Markup:
    rows = [(one.label, one.interval) for one in comparison.differences if one.measure is measure]
    axis = Axis("percentage points", lambda v: f"{100 * v:.3g}") if measure.fraction else Axis(measure.unit)
    return titled(measure.name, svg.forest_chart(rows, axis), note=measure.meaning)


def _difference_row(one: Difference) -> list[Content]:
    mean = percent(one.interval.value, 2) if one.measure.fraction else f"{one.interval.value:.3g}"
    facts: list[Content] = [
        len(one.seeds),
        mean,
        _range(one.measure, one.interval),
        f"{one.p:.3f}",
        f"{one.p_holm:.3f}",
        one.better,
    ]
    return [one.label, one.measure.heading, *facts]


def _range(measure: Measure, one: Interval) -> str:
    if measure.fraction:
        return f"[{percent(one.low, 2)}, {percent(one.high, 2)}]"
    return f"[{one.low:.3g}, {one.high:.3g}]"


def _rankings(comparison: Comparison) -> Markup | None:
    if not comparison.rankings:
        return None
    parts: list[Content] = [tag("h3", "Ranking at equal budgets")]
    for kind, (budget, ranked) in comparison.rankings.items():
        note = (
            f"every run cut off after {count(budget)} {kind}, the most that all of them spent; by the best single trial"
        )
        head = ["arm", "place", "seeds", "completions", *(measure.heading for measure in _FIRST)]
        rows = (
            [_name(one.arm), str(place), str(one.n), count(one.completions.value), *_cells(one.measures, _FIRST)]
            for place, one in enumerate(ranked, 1)
        )
        parts += [tag("p", tag("b", f"equal {kind}: "), note), table(head, rows)]
    return tag("div", parts)


def _name(arm: str) -> Markup:
    return tag("span", arm, class_="name")  # may wrap


def _cells(known: dict[str, Estimate], shown: Sequence[Measure]) -> list[Markup]:
    """Return estimates, each with its interval below it."""
    cells = []
    for measure in shown:
        one = known[measure.name].as_interval if measure.name in known else None
        cells.append(estimate(interval(one) if measure.fraction else plain_interval(one)))
    return cells
