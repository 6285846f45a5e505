"""Figures that others published, to stand beside ours."""

from nnloop.report.html import Markup, details, table, tag

PUBLISHED = """\
source   |LLM                |mode |dataset     |n   |valid %|mean %|best %|admitted|lines |rho    |pairs
A        |DeepSeek-Coder-7B  |full |CIFAR-10    |-   |50.6 P |42.3 N|64.0 P|455 P   |200+ N|-      |-
B        |DeepSeek-Coder-7B  |delta|six datasets|1100|75.3 P |65.8 P|85.2 P|88 N    |30.4 N|0.495 N|12
B        |Qwen2.5-Coder-7B   |delta|six datasets|1100|72.1 P |64.6 P|80.6 P|51 N    |31.4 N|0.635 N|15
B        |Mistral-7B         |delta|six datasets|1100|66.6 P |66.1 P|85.5 P|68 N    |49.5 N|0.926 P|16
Gu et al.|frozen, memory of 5|full |CIFAR-10    |-   |-      |-     |71.5 P|-       |-     |-      |-
"""

_NOTE = """\
Measured by other protocols (32 px enlarged to 256 px, other recipes, selection on the test set), one seed, no
intervals: never a baseline for the rows above. n: completions; mean and best: first-epoch accuracy, best on
CIFAR-10; lines: per completion; rho: Spearman's, of the first and the 50th epoch, several datasets in one sample.
P: primary source (abstract, repository or model card), N: third-party notes. A: arXiv 2601.02997, B: 2605.04903, Gu
et al.: 2603.12091."""


def published_section() -> Markup:
    """Folded away, and apart from our own rows."""
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in PUBLISHED.splitlines())
    return details("Published figures, of other protocols", tag("p", _NOTE, class_="sub"), table(head, rows))
