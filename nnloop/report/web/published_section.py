"""Figures that others published, which stand beside our own rows but never among them."""

from pathlib import Path

from nnloop.report.web.html import Markup, details, remark, table

_FIGURES = Path(__file__).with_name("published.yaml")

_NOTE = """\
Measured by other protocols (32 px enlarged to 256 px, other recipes, selection on the test set), one seed, no
intervals: never a baseline for our rows. n: completions; mean and best: first-epoch accuracy, best on CIFAR-10; lines:
per completion; rho: Spearman's, of the first and the 50th epoch, several datasets in one sample. P: primary source
(abstract, repository or model card), N: third-party notes."""


def published_section() -> Markup:
    """Return the figures of published.yaml, folded away; each is text with the mark of its source."""
    import yaml  # type: ignore[import-untyped]

    figures = yaml.safe_load(_FIGURES.read_text())
    sources = "; ".join(f"{mark}: {source}" for mark, source in figures["sources"].items())
    parts = [
        remark(f"{_NOTE} {sources}."),
        _table(figures["runs"]),
        remark("Paper A by cycle, CIFAR-10, one run"),
        _table(figures["cycles"]),
    ]
    return details("Published figures, of other protocols", parts)


def _table(rows: list[dict[str, object]]) -> Markup:
    head = list(dict.fromkeys(key for row in rows for key in row))
    percents = {"valid", "mean", "best", "above 40"}
    body = [[str(row.get(key, "-")) for key in head] for row in rows]
    return table([f"{key}, %" if key in percents else key for key in head], body)
