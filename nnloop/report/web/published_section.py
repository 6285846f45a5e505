"""Figures that others published, which stand beside our own rows but never among them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from nnloop.report.fidelity import differing, papers
from nnloop.report.measures.read import Run
from nnloop.report.web.html import Markup, details, remark, table

_FIGURES = Path(__file__).with_name("published.yaml")

_NOTE = """\
Measured by other protocols (32 px enlarged to 256 px, other recipes, selection on the test set), one seed, no
intervals: never a baseline for our rows. n: completions; mean and best: first-epoch accuracy, best on CIFAR-10; lines:
per completion; rho: Spearman's, of the first and the 50th epoch, over pairs of several datasets, none of them CIFAR-10.
P: primary source (abstract, repository or model card), N: third-party notes."""


def published_section(runs: Sequence[Run] = ()) -> Markup:
    """Return the figures of published.yaml, folded away; each is text with the mark of its source.

    A sentence for each paper says in which lines the runs differ from its protocol.
    """
    import yaml

    figures = yaml.safe_load(_FIGURES.read_text())
    sources = "; ".join(f"{mark}: {source}" for mark, source in figures["sources"].items())
    parts = [
        remark(f"{_NOTE} {sources}."),
        *(remark(sentence) for sentence in _compared(runs)),
        _table(figures["runs"]),
        remark("Paper A by cycle, CIFAR-10, one run"),
        _table(figures["cycles"]),
    ]
    return details("Published figures, of other protocols", parts)


def _compared(runs: Sequence[Run]) -> Iterator[str]:
    """Yield a sentence for each paper whose mode or context some run has: the lines in which the nearest differs."""
    for overlay, known in papers().items():
        differences = [(differing(overlay, run.setting), run.name) for run in runs]
        if differences:
            lines, name = min(differences, key=lambda one: (len(one[0]), one[1]))
            paper = known["mark"]
            if lines:
                yield f"Paper {paper}: no run here has its protocol; {name} differs least, in {', '.join(lines)}."
            else:
                stricter = [one["line"] for one in known["lines"] if one.get("state") == "stricter"]
                yield f"Paper {paper}: {name} has its protocol but for what is stricter here: {', '.join(stricter)}."


def _table(rows: list[dict[str, object]]) -> Markup:
    head = list(dict.fromkeys(key for row in rows for key in row))
    percents = {"valid", "mean", "best", "above 40"}
    body = [[str(row.get(key, "-")) for key in head] for row in rows]
    return table([f"{key}, %" if key in percents else key for key in head], body)
