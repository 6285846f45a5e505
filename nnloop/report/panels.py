"""Charts as data, so that the pages and the pictures draw the same ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """The way to draw a panel."""

    LINES = "lines"
    STRIP = "strip"  # the points of each x as a column of dots
    BARS = "bars"  # one a point, those of an x stacked


@dataclass(frozen=True, slots=True)
class Point:
    """A dot of a chart."""

    x: float
    y: float
    low: float | None = None  # the ends of its interval, None without one
    high: float | None = None
    link: str | None = None  # an address in the page
    hint: str = ""  # the tooltip


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together, as a line, as dots or as both."""

    name: str
    points: Sequence[Point]
    colour: int = 0  # from 8 on: the same again, dashed
    line: bool = True
    dots: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a chart."""

    title: str
    label: Callable[[float], str] = "{:g}".format  # writes a tick's value
    low: float | None = None  # the ends, None for the data's own
    high: float | None = None
    whole: bool = False  # ticks at whole numbers only
    within: tuple[float, float] | None = None  # the range of all possible values; intervals are cut off there


CYCLE = Axis("cycle", whole=True)


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart."""

    title: str
    y: Axis
    series: Sequence[Series]
    note: str = ""  # how to read it
    form: Form = Form.LINES
    rule: float | None = None  # height of a dashed horizontal line
    key: dict[str, int] | None = None  # the colours by name, if they are to be explained
    x: Axis = CYCLE


def percent_axis(title: str, low: float | None = None, high: float | None = None) -> Axis:
    """Return an axis for fractions that are shown in percent; `low` and `high` None: as the data are."""
    return Axis(title, lambda value: f"{100 * value:g}", low=low, high=high, within=(0.0, 1.0))
