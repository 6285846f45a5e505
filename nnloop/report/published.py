"""Figures that others published, in percent, to stand beside ours.

Sources: A is arXiv 2601.02997, B is arXiv 2605.04903, Gu et al. is arXiv 2603.12091.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nnloop.report.html import Content, Markup, details, table, tag
from nnloop.report.text import number


@dataclass(frozen=True, slots=True)
class Published:
    source: str
    llm: str
    mode: str
    dataset: str
    n: int | None  # completions
    valid: float | None
    mean: float | None  # first-epoch accuracy
    best: float | None  # first-epoch accuracy on CIFAR-10
    admitted: int | None
    lines: float | None  # per completion
    marks: str  # where valid, mean, best, admitted and lines come from


SIX = "six datasets"

PUBLISHED: Sequence[Published] = (
    Published("A", "DeepSeek-Coder-7B", "full", "CIFAR-10", None, 50.6, 42.3, 63.98, 455, 200, "P N P P N"),
    Published("B", "DeepSeek-Coder-7B", "delta", SIX, 1100, 75.3, 65.8, 85.2, 88, 30.4, "P P P N N"),
    Published("B", "Qwen2.5-Coder-7B", "delta", SIX, 1100, 72.1, 64.6, 80.6, 51, 31.4, "P P P N N"),
    Published("B", "Mistral-7B", "delta", SIX, 1100, 66.6, 66.1, 85.5, 68, 49.5, "P P P N N"),
    Published("Gu et al.", "frozen, memory of 5", "full", "CIFAR-10", None, None, None, 71.5, None, None, "- - P - -"),
)


def published_section() -> Markup:
    """Folded away, and apart from our own rows."""
    head = ["source", "LLM", "mode", "dataset", "n", "valid, %", "mean, %", "best, %", "admitted", "lines", "marks"]
    note = (
        "Measured by other protocols (32 px enlarged to 256 px, other recipes, selection on the test set), one seed, "
        "no intervals: never a baseline for the rows above. n: completions. mean, best: first-epoch accuracy, best on "
        "CIFAR-10. lines: A has 200 and more. marks of valid, mean, best, admitted, lines: P primary source (abstract, "
        "repository or model card), N third-party notes. A: arXiv 2601.02997, B: 2605.04903, Gu et al.: 2603.12091."
    )
    return details(
        "Published figures, of other protocols", tag("p", note, class_="sub"), table(head, map(_row, PUBLISHED))
    )


def _row(found: Published) -> list[Content]:
    return [
        found.source,
        found.llm,
        found.mode,
        found.dataset,
        number(found.n, 0),
        number(found.valid, 1),
        number(found.mean, 1),
        number(found.best, 1),
        number(found.admitted, 0),
        number(found.lines, 1),
        found.marks,
    ]
