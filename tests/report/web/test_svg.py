from xml.etree import ElementTree

import pytest

from nnloop.records import Interval
from nnloop.report.panels import Axis, Form, Panel, Point, Series
from nnloop.report.web.html import Markup
from nnloop.report.web.svg import chart as draw
from nnloop.report.web.svg import forest_chart, legend, ticks

X, Y = Axis("cycle", whole=True), Axis("share", low=0.0, high=1.0)


def lines(series: list[Series], x: Axis = X, y: Axis = Y, rule: float | None = None) -> Markup:
    return draw(Panel("", y, series, rule=rule, x=x))


def strip(points: list[Point], rule: float | None = None) -> Markup:
    return draw(Panel("", Y, [Series("", points)], rule=rule, form=Form.STRIP, x=X))


def shapes(chart: Markup, name: str, kind: str) -> list[ElementTree.Element]:
    """The elements of a chart that have this name and class."""
    return [one for one in ElementTree.fromstring(chart).iter(name) if kind in one.get("class", "").split()]


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 3, True, [0, 1, 2, 3]),
        (0.5, 1.5, True, [1]),
        (-120, 430, False, [-100, 0, 100, 200, 300, 400]),
    ],
)
def test_ticks_are_round(low: float, high: float, whole: bool, expected: list[float]) -> None:
    assert ticks(low, high, whole=whole) == expected


def test_a_line_goes_through_its_points_from_edge_to_edge() -> None:
    chart = lines([Series("one", [Point(1, 0.0), Point(2, 0.5), Point(3, 1.0)], 2)])
    (line,) = shapes(chart, "polyline", "s2")
    assert line.get("points") == "48.0,220.0 228.0,115.0 408.0,10.0"
    assert [dot.get("cx") for dot in shapes(chart, "circle", "dot")] == ["48.0", "228.0", "408.0"]


def test_intervals_of_a_line_are_a_band_and_that_of_a_single_point_a_whisker() -> None:
    points = [Point(x, 0.5, low=0.25, high=0.75) for x in (1, 2)]
    several, single = lines([Series("", points)]), lines([Series("", points[:1])])
    (band,) = shapes(several, "polygon", "band")
    assert band.get("points") == "48.0,62.5 408.0,62.5 408.0,167.5 48.0,167.5"
    assert shapes(several, "line", "line") == [] == shapes(single, "polygon", "band")
    (whisker,) = shapes(single, "line", "line")
    assert (whisker.get("y1"), whisker.get("y2")) == ("167.5", "62.5")


@pytest.mark.parametrize(("rule", "drawn"), [(0.5, 1), (None, 0), (1.5, 0)])
def test_a_rule_is_drawn_only_within_the_axis(rule: float | None, drawn: int) -> None:
    point = Point(1, 0.5)
    for chart in (lines([Series("", [point])], rule=rule), strip([point], rule=rule)):
        assert len(shapes(chart, "line", "rule")) == drawn


def test_a_colour_from_8_on_is_one_of_the_first_dashed() -> None:
    assert '<i class="key s1 dashed"></i>b' in legend({"a": 1, "b": 9})
    assert shapes(lines([Series("", [Point(1, 0), Point(2, 0)], 9)]), "polyline", "dashed") != []


def test_a_strip_has_a_dot_a_value_and_its_bar_at_the_median() -> None:
    values = [0.1, 0.2, 0.4, 0.9]
    chart = strip([Point(1, value, link="#n", hint="h") for value in values])
    (median,), (box,) = shapes(chart, "line", "median"), shapes(chart, "rect", "box")
    assert median.get("y1") == "157.0"  # 0.3
    assert (box.get("y"), box.get("height")) == ("109.8", "73.4")  # from 0.175 to 0.525
    assert [dot.get("cy") for dot in shapes(chart, "circle", "dot")] == ["199.0", "178.0", "136.0", "31.0"]
    assert chart.count('href="#n"') == chart.count("<title>h</title>") == 4


def test_bars_stand_on_each_other_and_leave_out_zeros() -> None:
    bars = [
        Series(name, [Point(1, height)], colour) for name, height, colour in (("a", 1, 0), ("b", 2, 3), ("c", 0, 5))
    ]
    chart = draw(Panel("", Axis("n", low=0.0, high=4.0), bars, form=Form.BARS, x=X))
    first, second = shapes(chart, "rect", "bar")
    assert (first.get("class"), first.get("y"), first.get("height")) == ("bar s0", "167.5", "52.5")
    assert (second.get("class"), second.get("y"), second.get("height")) == ("bar s3", "62.5", "105.0")
    assert "<title>cycle 1, b: 2</title>" in chart


def test_an_interval_without_zero_stands_out_in_a_forest() -> None:
    chart = forest_chart([("sure", Interval(2.0, 1.0, 3.0)), ("unsure", Interval(0.5, -1.0, 2.0))], Axis("points"))
    assert len(shapes(chart, "circle", "s0")) == len(shapes(chart, "circle", "s6")) == 1
    assert "<title>sure: 2 [1, 3]</title>" in chart
    assert len(shapes(chart, "line", "axis")) == 2  # at zero, in the rows alone
    assert ">2 [1, 3]</text>" in chart  # values are printed
    lines = [line for kind in ("axis", "grid") for line in shapes(chart, "line", kind)]
    names = [float(text.get("y") or 0) for text in shapes(chart, "text", "end")]
    assert all(not float(line.get("y1") or 0) < y < float(line.get("y2") or 0) for line in lines for y in names)


def test_intervals_are_cut_off_where_no_value_can_lie() -> None:
    axis = Axis("share", within=(0.0, 1.0))
    chart = lines([Series("", [Point(1, 0.5, low=-0.4, high=1.4)])], y=axis)
    labels = [float(text.text or "") for text in shapes(chart, "text", "end")]
    assert (min(labels), max(labels)) == (0.0, 1.0)


def test_a_chart_without_data_says_so() -> None:
    for chart in (lines([]), strip([]), forest_chart([], X), draw(Panel("", Y, [], form=Form.BARS))):
        assert "nothing to show yet" in chart


def test_a_chart_of_one_value_has_axes_around_it() -> None:
    chart = lines([Series("", [Point(1, 0.5)])], Axis("x"), Axis("y"))
    (dot,) = shapes(chart, "circle", "dot")
    assert (dot.get("cx"), dot.get("cy")) == ("228.0", "115.0")
