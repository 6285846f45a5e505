"""Figures that others published, to stand beside ours but never among them."""

from pathlib import Path
from typing import Any

from nnloop.report.web.html import Content, Markup, details, table, tag

FIGURES = Path(__file__).with_name("published.yaml")

_NOTE = """\
Measured by other protocols (32 px enlarged to 256 px, other recipes, selection on the test set), one seed, no
intervals: never a baseline for our rows. n: completions; mean and best: first-epoch accuracy, best on CIFAR-10; lines:
per completion; rho: Spearman's, of the first and the 50th epoch, several datasets in one sample. P: primary source
(abstract, repository or model card), N: third-party notes."""


def published() -> dict[str, Any]:
    """The figures of published.yaml; each is text with the mark of its source."""
    import yaml  # type: ignore[import-untyped]

    found: dict[str, Any] = yaml.safe_load(FIGURES.read_text())
    return found


def published_section() -> Markup:
    """Folded away, and apart from our own rows."""
    found = published()
    sources = "; ".join(f"{mark}: {source}" for mark, source in found["sources"].items())
    return details(
        "Published figures, of other protocols",
        tag("p", f"{_NOTE} {sources}.", class_="sub"),
        _table(found["runs"]),
        tag("p", "Paper A by cycle, CIFAR-10, one run", class_="sub"),
        _table(found["cycles"]),
    )


def _table(rows: list[dict[str, Any]]) -> Markup:
    head = list(dict.fromkeys(key for row in rows for key in row))
    percents = {"valid", "mean", "best", "above 40"}
    body: list[list[Content]] = [[str(row.get(key, "-")) for key in head] for row in rows]
    return table([f"{key}, %" if key in percents else key for key in head], body)
