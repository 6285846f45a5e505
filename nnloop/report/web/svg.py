"""Charts as inline SVG.

Colours are numbers from 0 to 7. They stand in the page as classes s0 to s7, so that its style sheet sets them for light
and dark screens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nnloop.records import Interval
from nnloop.report.panels import Axis, Form, Panel, Point, Series
from nnloop.report.web.html import Markup, tag

WIDTH, HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 10, 40


@dataclass(frozen=True, slots=True)
class Frame:
    """The mapping from data to pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: int = _LEFT

    @property
    def x_step(self) -> float:
        """The pixels from one whole number to the next on the x axis."""
        return (self.px(self.x[1]) - self.px(self.x[0])) / (self.x[1] - self.x[0])

    def px(self, value: float) -> float:
        """Return the distance from the left edge, in pixels."""
        low, high = self.x
        return round(self.left + (value - low) / (high - low) * (WIDTH - self.left - _RIGHT), 1)

    def py(self, value: float) -> float:
        """Return the distance from the upper edge, in pixels; values off the axis lie at its ends."""
        low, high = self.y
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def chart(panel: Panel) -> Markup:
    """Draw a panel; one without points says that there is nothing to show yet."""
    if not any(one.points for one in panel.series):
        return _empty()
    return {Form.LINES: _line_chart, Form.STRIP: _strip_chart, Form.BARS: _bar_chart}[panel.form](panel)


def _line_chart(panel: Panel) -> Markup:
    """Draw lines with dots and shaded intervals."""
    points = [point for one in panel.series for point in one.points]
    heights = [value for point in points for value in (point.y, point.low, point.high) if value is not None]
    frame = Frame(_range(panel.x, [point.x for point in points]), _range(panel.y, [*heights, *_rule_at(panel)]))
    bands, curves = [_band(frame, one) for one in panel.series], [_curve(frame, one) for one in panel.series]
    return _svg(_axes(frame, panel.x, panel.y), *bands, _rule(frame, panel.rule), *curves)


def _strip_chart(panel: Panel) -> Markup:
    """Draw every value as a dot, and for each x a box from quartile to quartile with a bar at the median."""
    columns: dict[float, list[Point]] = {}
    for point in (point for one in panel.series for point in one.points):
        columns.setdefault(point.x, []).append(point)
    values = [point.y for column in columns.values() for point in column]
    frame = Frame(_range(panel.x, list(columns), 0.6), _range(panel.y, [*values, *_rule_at(panel)]))
    half = max(1.5, min(14.0, 0.35 * frame.x_step))
    boxes = [_box(frame, place, column=column, half=half) for place, column in columns.items()]
    return _svg(_axes(frame, panel.x, panel.y), _rule(frame, panel.rule), *boxes)


def _bar_chart(panel: Panel) -> Markup:
    """Draw the points of each x as stacked bars."""
    tops: dict[float, float] = {}
    parts = []
    for one in panel.series:
        for point in one.points:
            tops[point.x] = tops.get(point.x, 0.0) + point.y
    frame = Frame(_range(panel.x, list(tops), 0.6), _range(panel.y, [0.0, *tops.values()]))
    half = max(1.0, min(18.0, 0.4 * frame.x_step))
    base = dict.fromkeys(tops, 0.0)
    for one in panel.series:
        for point in (point for point in one.points if point.y > 0):
            top, bottom = frame.py(base[point.x] + point.y), frame.py(base[point.x])
            base[point.x] += point.y
            hint = f"{panel.x.title} {panel.x.label(point.x)}, {one.name}: {panel.y.label(point.y)}"
            size = {"width": round(2 * half, 1), "height": round(bottom - top, 1)}
            left = round(frame.px(point.x) - half, 1)
            parts.append(tag("rect", tag("title", hint), x=left, y=top, class_=f"bar s{one.colour}", **size))
    return _svg(_axes(frame, panel.x, panel.y), *parts)


def forest_chart(rows: Sequence[tuple[str, Interval]], x: Axis) -> Markup:
    """Draw one interval a row under its name, with a line at zero; intervals without zero have a colour."""
    if not rows:
        return _empty()
    ends = [end for _, interval in rows for end in (interval.low, interval.high, 0.0)]
    low, high = _range(x, ends)
    frame, bottom = Frame((low, high), (0.0, 1.0), left=12), _TOP + 36 * len(rows)
    parts = []
    for value in ticks(low, high):
        for top in (_TOP + 36 * number for number in range(len(rows))):  # beside the names, never through them
            parts.append(
                _segment((frame.px(value), top + 18), (frame.px(value), top + 36), "grid" if value else "axis")
            )
        parts.append(tag("text", x.label(value), x=frame.px(value), y=bottom + 16, class_="mid"))
    for number, (name, interval) in enumerate(rows):
        y, colour = _TOP + 36 * number + 26, 0 if interval.low > 0 or interval.high < 0 else 6
        left, middle, right = (frame.px(value) for value in (interval.low, interval.value, interval.high))
        told = f"{x.label(interval.value)} [{x.label(interval.low)}, {x.label(interval.high)}]"
        hint = f"{name}: {told}"
        room = (WIDTH - 24) // 7 - len(told)  # letters
        parts.append(tag("text", name if len(name) <= room else f"{name[: room - 1]}…", x=12, y=y - 12))
        parts.append(tag("text", told, x=WIDTH - 8, y=y - 12, class_="end"))
        parts.append(_segment((left, y), (right, y), f"line s{colour}"))
        parts.append(tag("circle", tag("title", hint), cx=middle, cy=y, r=4, class_=f"dot s{colour}"))
    parts.append(tag("text", x.title, x=WIDTH / 2, y=bottom + 34, class_="mid title"))
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {bottom + 40}", role="img")


def legend(colours: Mapping[str, int], switches: bool = False) -> Markup:
    """Return the key to the colours of a chart, by name; `switches` turn series of the charts behind it on and off."""
    keys = (
        tag("span", tag("i", class_=f"key {_kind(colour)}"), name, class_="entry") for name, colour in colours.items()
    )
    return tag("div", keys, class_="legend switches" if switches else "legend")


def _kind(colour: int) -> str:
    return f"s{colour % 8}" + (" dashed" if colour >= 8 else "")


def _empty() -> Markup:
    return tag("p", "nothing to show yet", class_="empty")


def ticks(low: float, high: float, most: int = 6, whole: bool = False) -> list[float]:
    """Return at most `most` + 1 round numbers within [low, high], with `whole` only whole ones.

    They are multiples of 1, 2, 2.5 or 5 times a power of ten.
    """
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    steps = [factor * power for factor in (1, 2, 2.5, 5, 10, 20)]
    step = next(s for s in steps if s == steps[-1] or (span / s <= most and (not whole or s == int(s))))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _range(axis: Axis, values: Sequence[float], pad: float = 0.0) -> tuple[float, float]:
    """Return the axis' own limits, or else the lowest and highest value with a little room; never equal ones."""
    low = min(values) - pad if axis.low is None else axis.low
    high = max(values) + pad if axis.high is None else axis.high
    if low >= high:
        return (low, low + 1) if axis.low is not None else (low - 0.5, low + 0.5)
    room = 0.0 if axis.whole else 0.05 * (high - low)
    low = low - room if axis.low is None else low
    high = high + room if axis.high is None else high
    floor, ceiling = axis.within or (low, high)
    return max(low, floor), min(high, ceiling)


def _svg(*parts: Markup | None) -> Markup:
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")


def _segment(start: tuple[float, float], end: tuple[float, float], kind: str) -> Markup:
    """Return a line between two places in pixels."""
    return tag("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=kind)


def _rule_at(panel: Panel) -> list[float]:
    return [] if panel.rule is None else [panel.rule]


def _rule(frame: Frame, value: float | None) -> Markup | None:
    if value is None or not frame.y[0] <= value <= frame.y[1]:
        return None
    return _segment((frame.px(frame.x[0]), frame.py(value)), (frame.px(frame.x[1]), frame.py(value)), "rule")


def _axes(frame: Frame, x: Axis, y: Axis) -> Markup:
    bottom, left, right = HEIGHT - _BOTTOM, _LEFT, WIDTH - _RIGHT
    parts = []
    for value in ticks(*frame.y, whole=y.whole):
        parts.append(_segment((left, frame.py(value)), (right, frame.py(value)), "grid"))
        parts.append(tag("text", y.label(value), x=left - 6, y=frame.py(value) + 4, class_="end"))
    for value in ticks(*frame.x, most=8, whole=x.whole):
        parts.append(tag("text", x.label(value), x=frame.px(value), y=bottom + 16, class_="mid"))
    parts.append(_segment((left, bottom), (right, bottom), "axis"))
    parts.append(tag("text", x.title, x=(left + right) / 2, y=HEIGHT - 6, class_="mid title"))
    middle = (_TOP + bottom) / 2
    parts.append(tag("text", y.title, x=12, y=middle, class_="mid title", transform=f"rotate(-90 12 {middle})"))
    return Markup("".join(parts))


def _band(frame: Frame, series: Series) -> Markup:
    shaded = [point for point in series.points if point.low is not None and point.high is not None]
    if len(shaded) < 2 or not series.line:
        return Markup("")
    upper = [f"{frame.px(p.x)},{frame.py(p.high or 0.0)}" for p in shaded]
    lower = [f"{frame.px(p.x)},{frame.py(p.low or 0.0)}" for p in reversed(shaded)]
    return tag("polygon", points=" ".join(upper + lower), class_=f"band {_kind(series.colour)}")


def _curve(frame: Frame, series: Series) -> Markup:
    parts = []
    if series.line and len(series.points) > 1:
        places = " ".join(f"{frame.px(point.x)},{frame.py(point.y)}" for point in series.points)
        name = tag("title", series.name) if series.name else None
        parts.append(tag("polyline", name, points=places, class_=f"line {_kind(series.colour)}"))
    if series.dots:
        parts += [_whisker(frame, point, series) for point in series.points]
        parts += [_dot(frame, point, colour=series.colour) for point in series.points]
    return Markup("".join(parts))


def _whisker(frame: Frame, point: Point, series: Series) -> Markup:
    """Return the interval of a dot that stands alone; a line's intervals are shown by its band."""
    if point.low is None or point.high is None or (series.line and len(series.points) > 1):
        return Markup("")
    x = frame.px(point.x)
    return _segment((x, frame.py(point.low)), (x, frame.py(point.high)), f"line {_kind(series.colour)}")


def _dot(frame: Frame, point: Point, *, colour: int = 0, radius: float = 3) -> Markup:
    hint = tag("title", point.hint) if point.hint else None
    dot = tag("circle", hint, cx=frame.px(point.x), cy=frame.py(point.y), r=radius, class_=f"dot {_kind(colour)}")
    return tag("a", dot, href=point.link) if point.link else dot


def _box(frame: Frame, place: float, *, column: Sequence[Point], half: float) -> Markup:
    """Return a column's points with their box, which is 2 * `half` pixels wide."""
    values = sorted(point.y for point in column)
    x = frame.px(place)
    low, middle, high = (frame.py(_quantile(values, share)) for share in (0.25, 0.5, 0.75))
    size = {"width": round(2 * half, 1), "height": round(low - high, 1)}
    parts = [tag("rect", x=round(x - half, 1), y=high, class_="box s0", **size)]
    for index, point in enumerate(column):
        shift = (index * 0.618034 % 1 - 0.5) * 1.6 * half / (frame.px(1) - frame.px(0))  # spread, always the same
        parts.append(_dot(frame, replace(point, x=place + shift), radius=2))
    parts.append(_segment((round(x - half, 1), middle), (round(x + half, 1), middle), "median"))
    return Markup("".join(parts))


def _quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values, linear between neighbours."""
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])
