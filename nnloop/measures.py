"""The measures of a search, each defined once: name, unit, denominator, and its computation from entries.

Cycle reports, run pages, comparisons of arms, W&B's keys and tables all read these definitions.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

from nnloop.records import REWRITE, Costs, Counts, CycleReport, Entry, FinetuneResult, Interval, Network, Status
from nnloop.stats import bootstrap_mean, wilson


class Kind(Enum):
    """The way from the entries' values to one number."""

    RATE = "rate"  # share of true values; Wilson's interval
    ABOVE = "above"  # share of values at or above the run's accuracy threshold; Wilson's interval
    MEAN = "mean"  # bootstrap interval
    BEST = "best"  # the value of the entry with the highest validation accuracy
    TOTAL = "total"
    PER_ADMITTED = "per admitted"  # total by admitted networks; None if either is 0


Threshold = float | Mapping[str, float]
"""The accuracy for admission, or those of a pool's datasets by name."""


@dataclass(frozen=True, slots=True)
class Population:
    """A denominator: its name, and the choice of its entries."""

    name: str
    choose: Callable[[Sequence[Entry]], Sequence[Entry]]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a cycle, a run or an arm. `value` gives an entry's part in it, or None to leave the entry out."""

    name: str  # of its column in tables
    of: Population
    value: Callable[[Entry], float | None]
    kind: Kind
    unit: str = "fraction"  # in [0, 1], printed in percent; or networks, tokens, ...
    field: str = ""  # its place in a CycleReport, dotted; empty: none
    digits: int = 1  # after the point, in percent for a fraction
    meaning: str = ""

    @property
    def fraction(self) -> bool:
        """True for a number in [0, 1] that is printed in percent."""
        return self.unit == "fraction"

    @property
    def total(self) -> bool:
        """True if cycles add up, so that the curve of the measure is shown cumulative."""
        return self.kind in (Kind.TOTAL, Kind.PER_ADMITTED)

    @property
    def heading(self) -> str:
        """Heading of its column in a table for readers."""
        return f"{self.name}, %" if self.fraction else self.name

    def of_cycle(self, report: CycleReport) -> Any:
        """Return the measure as a cycle's report has it: an Interval, a number or None."""
        return attrgetter(self.field)(report)

    def read(self, entries: Sequence[Entry], threshold: Threshold = 0.0) -> float | None:
        """Return the measure of some entries; None if no entry has a value, but 0 for a total."""
        values = self._values(entries, threshold)
        total: float = sum(values)
        if self.kind is Kind.TOTAL:
            return total
        if self.kind is Kind.PER_ADMITTED:
            admitted = sum(entry.admitted for entry in entries)
            return total / admitted if admitted and total else None
        return total / len(values) if values else None

    def estimate(self, entries: Sequence[Entry], threshold: Threshold = 0.0) -> Interval | None:
        """Return a rate or mean of one run's entries with its 95% interval; None if no entry has a value."""
        values = self._values(entries, threshold)
        if self.kind is Kind.MEAN:
            return bootstrap_mean(values)
        return wilson(round(sum(values)), len(values)) if values else None

    def _values(self, entries: Sequence[Entry], threshold: Threshold) -> list[float]:
        chosen = self.of.choose(entries)
        if self.kind is Kind.BEST:
            best = best_of(chosen)
            chosen = [] if best is None else [best]
        values = [(value, entry) for entry in chosen if (value := self.value(entry)) is not None]
        if self.kind is Kind.ABOVE:
            return [float(value >= _least(threshold, entry)) for value, entry in values]
        return [value for value, _ in values]


def _least(threshold: Threshold, entry: Entry) -> float:
    return threshold if isinstance(threshold, float | int) else threshold[entry.dataset]


def firsts(entries: Sequence[Entry]) -> list[Entry]:
    """Return the first answers; retries take no part in rates and means."""
    return [entry for entry in entries if entry.retry_of is None]


def distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that brought a new valid network."""
    return [entry for entry in entries if entry.valid and entry.status is not Status.DUPLICATE]


def best_of(entries: Sequence[Entry]) -> Entry | None:
    """Return the valid entry with the highest validation accuracy, the first of equals; None if none is valid."""
    return max(distinct(entries), key=lambda entry: entry.val_accuracy or 0.0, default=None)


def _count(name: str, of: Population, value: Callable[[Entry], int], *, unit: str, meaning: str = "") -> Measure:
    field = f"counts.{name}"
    return Measure(name, of, value, kind=Kind.TOTAL, unit=unit, field=field, digits=0, meaning=meaning)


def _each(name: str, value: Callable[[Entry], int], *, unit: str, field: str = "", digits: int = 0) -> Measure:
    meaning = f"{unit} per first answer"
    return Measure(name, FIRSTS, value, kind=Kind.MEAN, unit=unit, field=field, digits=digits, meaning=meaning)


ANSWERS = Population("all answers, retries included", lambda entries: entries)
FIRSTS = Population("first answers", firsts)
RETRIES = Population("retries", lambda entries: [entry for entry in entries if entry.retry_of is not None])
NETWORKS = Population("distinct valid networks of first answers", lambda entries: distinct(firsts(entries)))

VALID = Measure(
    "valid",
    FIRSTS,
    lambda entry: entry.valid,
    kind=Kind.RATE,
    field="valid_rate",
    meaning="share of first answers that gave a network which trained to the end of its epoch",
)
MEAN = Measure(
    "mean",
    NETWORKS,
    lambda entry: entry.val_accuracy,
    kind=Kind.MEAN,
    field="mean_accuracy",
    meaning="mean validation accuracy of distinct valid networks",
)
MEAN_OF_ALL = Measure(
    "mean of all",
    FIRSTS,
    lambda entry: entry.val_accuracy or 0.0,
    kind=Kind.MEAN,
    field="mean_accuracy_all",
    meaning="mean validation accuracy of all first answers, an invalid one counted 0",
)
MEAN_OF_NEW = Measure(
    "mean of all new",
    FIRSTS,
    lambda entry: 0.0 if entry.status is Status.DUPLICATE else entry.val_accuracy or 0.0,
    kind=Kind.MEAN,
    meaning="mean validation accuracy of all first answers, an invalid one and a duplicate counted 0",
)
BEST = Measure(
    "best single trial",
    ANSWERS,
    lambda entry: entry.val_accuracy,
    kind=Kind.BEST,
    field="best_accuracy",
    digits=2,
    meaning="best validation accuracy of a single trial: the more trials, the more luck is in it",
)
TEST_OF_BEST = Measure(
    "test of best single trial",
    ANSWERS,
    lambda entry: entry.result.test_accuracy if entry.result else None,
    kind=Kind.BEST,
    digits=2,
    meaning="test accuracy of the network that is best on validation",
)
ABOVE = Measure(
    "above",
    NETWORKS,
    lambda entry: entry.val_accuracy,
    kind=Kind.ABOVE,
    field="share_above",
    meaning="share of distinct valid networks at or above admission.min_accuracy",
)
JACCARD = Measure(
    "Jaccard",
    NETWORKS,
    lambda entry: entry.novelty.max_jaccard if entry.novelty else None,
    kind=Kind.MEAN,
    unit="Jaccard",
    field="mean_jaccard",
    meaning="mean similarity of distinct valid networks to the nearest known one",
)
TOKENS_PER_ADMITTED = Measure(
    "tokens per admitted",
    ANSWERS,
    lambda entry: entry.generation.tokens,
    kind=Kind.PER_ADMITTED,
    unit="tokens",
    digits=0,
    meaning="tokens generated by networks admitted",
)
TOKENS = Measure(
    "tokens",
    ANSWERS,
    lambda entry: entry.generation.tokens,
    kind=Kind.TOTAL,
    unit="tokens",
    field="costs.tokens",
    digits=0,
    meaning="tokens generated",
)
PROMPT_TOKENS = Measure(
    "prompt tokens",
    ANSWERS,
    lambda entry: entry.generation.prompt_tokens,
    kind=Kind.TOTAL,
    unit="tokens",
    field="costs.prompt_tokens",
    digits=0,
    meaning="tokens read",
)
TOKENS_EACH = _each("tokens each", lambda entry: entry.generation.tokens, unit="tokens", field="mean_tokens")
LINES_EACH = _each("lines each", lambda entry: entry.generation.lines, unit="lines", field="mean_lines", digits=1)
PROMPT_TOKENS_EACH = _each("prompt tokens each", lambda entry: entry.generation.prompt_tokens, unit="tokens")
ADMITTED = _count(
    "admitted", ANSWERS, lambda entry: entry.admitted, unit="networks", meaning="networks admitted to the archive"
)
DISTINCT = _count(
    "distinct", NETWORKS, lambda entry: 1, unit="networks", meaning="distinct valid networks that were new"
)
GENERATED = _count("generated", FIRSTS, lambda entry: 1, unit="completions")
SELECTED = _count("selected", ANSWERS, lambda entry: entry.selected, unit="networks")
DUPLICATES = _count("duplicates", FIRSTS, lambda entry: entry.status is Status.DUPLICATE, unit="completions")
DROPPED = _count("dropped", ANSWERS, lambda entry: entry.generation.dropped, unit="items")
COUNTED = (
    *(GENERATED, DISTINCT, ADMITTED, SELECTED, DUPLICATES),
    _count("retries", RETRIES, lambda entry: 1, unit="completions"),
    _count("retries_valid", RETRIES, lambda entry: entry.valid, unit="completions"),
    _count("salvaged", FIRSTS, lambda entry: bool(entry.salvaged), unit="completions"),
    _count("rewrites", FIRSTS, lambda entry: REWRITE in entry.salvaged, unit="completions"),
    _count("truncated", FIRSTS, lambda entry: entry.generation.truncated, unit="completions"),
    _count("looped", FIRSTS, lambda entry: entry.generation.looped, unit="completions"),
    DROPPED,
)
"""Counts of a cycle's report, each named as its field there."""


def _of_run(name: str, meaning: str) -> Measure:
    return Measure(name, ANSWERS, lambda entry: None, kind=Kind.MEAN, digits=2, meaning=meaning)


BEST_OF_EQUAL = _of_run(
    "best of equal numbers",
    "expected best single trial of a cycle among as many distinct networks as every compared cycle has",
)
INCUMBENT = _of_run(
    "incumbent", "validation accuracy of the best network by trials under fresh seeds: mean of its repeats"
)
TEST_OF_INCUMBENT = _of_run("test of incumbent", "test accuracy of the incumbent: mean over five seeds of its own")
OF_RUNS = (BEST_OF_EQUAL, INCUMBENT, TEST_OF_INCUMBENT)
"""Measures that a comparison takes from whole runs: entries alone have no value of them."""

COMPARED = (
    *(VALID, MEAN, MEAN_OF_ALL, MEAN_OF_NEW, INCUMBENT, TEST_OF_INCUMBENT, BEST, TEST_OF_BEST, BEST_OF_EQUAL, ABOVE),
    *(ADMITTED, DISTINCT, JACCARD, TOKENS_PER_ADMITTED, TOKENS, PROMPT_TOKENS),
)
"""Measures of arms, in the order of the tables' columns."""

ESTIMATED = (VALID, MEAN, ABOVE)
"""Measures that a cycle and a run have with their interval."""


def summarise(
    cycle: int,
    entries: Sequence[Entry],
    *,
    admitted_before: int,
    min_accuracy: float | Mapping[str, float],
    costs: Costs,
    finetune: FinetuneResult | None = None,
    before: FinetuneResult | None = None,
    not_shown: int = 0,
) -> CycleReport:
    """Sum up one cycle.

    `entries` are all of its completions, in slot order; `admitted_before` counts what earlier cycles admitted,
    `not_shown` the networks that are too long to be parents. `min_accuracy` of a pool is by dataset.
    """
    first_answers, best = firsts(entries), best_of(entries)
    counts = {measure.name: int(measure.read(entries) or 0) for measure in COUNTED}
    return CycleReport(
        cycle=cycle,
        statuses=dict(sorted(Counter(str(entry.status) for entry in first_answers).items())),
        valid_rate=VALID.estimate(entries) or wilson(0, 0),
        mean_accuracy=MEAN.estimate(entries),
        mean_accuracy_all=MEAN_OF_ALL.read(entries) or 0.0,
        best_accuracy=BEST.read(entries),
        best_candidate=best.candidate if best else None,
        share_above=ABOVE.estimate(entries, min_accuracy),
        mean_jaccard=JACCARD.read(entries),
        mean_tokens=TOKENS_EACH.read(entries) or 0.0,
        mean_lines=LINES_EACH.read(entries) or 0.0,
        adapter=next((entry.generation.adapter for entry in first_answers), None),
        counts=Counts(**counts, admitted_total=admitted_before + counts["admitted"], not_shown=not_shown),
        costs=costs,
        finetune=finetune,
        before=before,
    )


def median_accuracy(corpus: Iterable[Network]) -> float | None:
    """Return the median validation accuracy of a corpus without its variants; None if none of it was trained.

    It is the threshold of admission where admission.min_accuracy is null.
    """
    accuracies = [one.val_accuracy for one in corpus if one.val_accuracy is not None and one.variant_of is None]
    return statistics.median(accuracies) if accuracies else None
