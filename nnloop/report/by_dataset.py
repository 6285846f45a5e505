"""The measures of a pool's run, dataset by dataset."""

from collections.abc import Iterator

from nnloop.measures import ABOVE, ADMITTED, BEST, ESTIMATED, MEAN, SELECTED, TEST_OF_BEST, VALID, firsts
from nnloop.report.measures.read import Run
from nnloop.report.text import percent, shown

_SHOWN = (VALID, MEAN, BEST, TEST_OF_BEST, ABOVE, ADMITTED, SELECTED)
DATASET_HEAD = ["dataset", "n", "threshold, %", *(measure.heading for measure in _SHOWN)]


def dataset_rows(run: Run) -> Iterator[list[str]]:
    """Yield a row of DATASET_HEAD for each dataset of a pool; n counts first answers."""
    least = run.threshold
    for name, title in run.datasets.items():
        own = [entry for entry in run.entries if entry.dataset == name]
        bar = least if isinstance(least, float) else least[name]
        values = [measure.estimate(own, bar) if measure in ESTIMATED else measure.read(own, bar) for measure in _SHOWN]
        cells = [shown(measure, value) for measure, value in zip(_SHOWN, values, strict=True)]
        yield [title, str(len(firsts(own))), percent(bar), *cells]
