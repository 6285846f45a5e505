"""HTML in which nothing that an LLM wrote can become markup.

Every function escapes whatever isn't `Markup` already, so safety doesn't depend on a caller who remembers it. Control
and direction characters are shown as escapes. A page's content security policy lets no script run but nnloop's own.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

STYLE = Path(__file__).with_name("style.css")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = Markup | str | int | float | None | Iterable["Content"]


def escape(text: str) -> Markup:
    """Return the text as HTML that shows it; invisible characters are shown by their number."""
    shown = _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\r\n", "\n"))
    return Markup(html.escape(shown, quote=True))


def _markup(content: Content) -> Markup:
    """Return the content as one piece of HTML, escaped where it isn't `Markup`; None gives nothing."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int | float):
        return escape(str(content))
    return Markup("".join(_markup(part) for part in content))


def tag(name: str, *content: Content, **attributes: str | float | None) -> Markup:
    """Return an element.

    An attribute's trailing underscore is dropped and its other underscores become dashes, so that class_="x" gives
    class="x". An attribute that is None is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{_markup(content)}</{name}>")


def table(head: Sequence[Content], rows: Iterable[Sequence[Content]], **attributes: str | None) -> Markup:
    """Return a table that scrolls sideways in its own box on a narrow screen."""
    top = tag("thead", tag("tr", (tag("th", cell, scope="col") for cell in head)))
    body = tag("tbody", (tag("tr", (tag("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", top, body, **attributes), class_="scroll")


def estimate(shown: str) -> Markup:
    """Return an estimate as `text.interval` writes it, with its interval below it."""
    value, _, ends = shown.partition(" ")
    return tag("span", value, [" ", tag("small", ends)] if ends else None)


def details(title: Content, *content: Content, **attributes: str | None) -> Markup:
    """Return content that is folded away under a title until it is clicked; open="" shows it from the start."""
    return tag("details", tag("summary", title), *content, **attributes)


def section(title: str, *content: Content, **attributes: str | None) -> Markup:
    """Return a part of the page under its heading."""
    return tag("section", [tag("h2", title), *content], **attributes)


def remark(*content: Content) -> Markup:
    """Return a paragraph in faint letters."""
    return tag("p", *content, class_="sub")


def tiles(facts: Iterable[tuple[str, str, str]]) -> Markup:
    """Return a row of boxes, one for each value, its name and a note."""
    boxes = (tag("div", [tag("b", value), name, tag("span", note)], class_="tile") for value, name, note in facts)
    return tag("div", boxes, class_="tiles")


def code(text: str) -> Markup:
    """Return the text as it stands, in letters of one width."""
    return tag("pre", tag("code", text))


def diff(text: str) -> Markup:
    """Return a unified diff with its lines coloured by their first character."""
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    heads = ("--- ", "+++ ")
    lines = (
        tag("span", f"{line}\n", class_="hunk" if number < 2 and line.startswith(heads) else kinds.get(line[:1]))
        for number, line in enumerate(text.split("\n"))
    )
    return tag("pre", tag("code", lines, class_="diff"))


def page(title: str, *content: Content, script: str = "", data: str = "") -> str:
    """Return a whole document in which only `script` may run; `data` are elements behind all that is seen."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if script else "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}; base-uri 'none'"
    head = "\n".join(
        [
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            tag("title", f"{title} - nnloop"),
            f"<style>\n{STYLE.read_text()}</style>",
        ]
    )
    end = f"<script>{script}</script>\n" if script else ""
    body = tag("main", *content)
    whole = f"{body}\n{data}{end}"
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{whole}</body>\n</html>\n'
