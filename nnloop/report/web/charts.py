"""A panel as a chart in a page."""

from nnloop.report.panels import Panel
from nnloop.report.web import svg
from nnloop.report.web.html import Markup, tag


def card(panel: Panel) -> Markup:
    """Return a panel's chart with its title, the note on how to read it, and the key to its colours."""
    key = svg.legend(panel.key) if panel.key else None
    return titled(panel.title, svg.chart(panel), note=panel.note, key=key)


def titled(title: str, chart: Markup, *, note: str = "", key: Markup | None = None) -> Markup:
    """Return a chart with its title, a note and a key."""
    caption = tag("figcaption", tag("b", title), tag("small", note) if note else None)
    return tag("figure", [caption, key, chart])
