"""The comparison of arms: their measures by cycle, over the last cycles, and within one budget, all over seeds.

Every interval is 95% over seeds: a percentile bootstrap of the seeds' values, None from a single seed. Differences are
paired by seed and have an interval by Student's t too, because a bootstrap of a handful of seeds is too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import nan

from nnloop.measures import BEST, COMPARED, Kind, Measure
from nnloop.records import Entry, Interval
from nnloop.report.measures.arms import Arm, arms_of, contrast, pairs
from nnloop.report.measures.protocols import check_one_protocol
from nnloop.report.measures.read import Run
from nnloop.stats import bootstrap_mean, student_mean

Values = dict[str, float | None]  # of one run, by the measure's name


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds."""

    value: float
    interval: Interval | None  # None from a single seed
    n: int

    @property
    def as_interval(self) -> Interval:
        """The interval, or one whose ends are nan."""
        return self.interval or Interval(self.value, nan, nan)


@dataclass(frozen=True, slots=True)
class ArmCycle:
    """One cycle of an arm, over the seeds that closed it; totals are up to its end, and best is the best so far."""

    arm: str
    cycle: int
    n: int  # seeds
    measures: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class ArmFinal:
    """The last cycles of an arm."""

    arm: Arm
    measures: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Difference:
    """`first` minus `second` in the last cycles, over the seeds that both have."""

    first: Arm
    second: Arm
    measure: Measure
    seeds: Sequence[int]
    bootstrap: Interval
    student: Interval
    better: int  # seeds in which first is above second

    @property
    def label(self) -> str:
        """The difference in words."""
        return contrast(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Ranked:
    """An arm within a budget that every run of the ranking had."""

    arm: str
    n: int  # seeds
    completions: Estimate  # that the budget paid for
    measures: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that runs of one protocol show of their arms."""

    protocol: str
    runs: Sequence[Run]  # by name
    arms: Sequence[Arm]
    last: int  # cycles that the final comparison takes
    unfinished: int  # runs that are left out of all but the curves
    by_cycle: Sequence[ArmCycle]
    final: Sequence[ArmFinal]
    differences: Sequence[Difference]
    rankings: dict[str, tuple[int, list[Ranked]]]  # by kind of budget: the budget and the arms, best first


BUDGETS: dict[str, Callable[[Entry], int]] = {
    "completions": lambda entry: 1,
    "generated tokens": lambda entry: entry.generation.tokens,
    "tokens read and generated": lambda entry: entry.generation.tokens + entry.generation.prompt_tokens,
}
"""Cost of a completion by kind of budget."""


def compare(runs: Sequence[Run], protocol: str, last: int | None = None, *, baseline: str | None = None) -> Comparison:
    """Compare the arms of runs of one protocol, over the last quarter of the shortest run's cycles or over `last`.

    Raises RunFolderError for runs of two protocols or digests, and if no arm is the `baseline`.
    """
    check_one_protocol(runs)
    arms = arms_of(runs)
    ended = [run for run in runs if run.finished] or [run for run in runs if run.reports]
    names = {id(run) for run in ended}
    complete = [replace(arm, runs=[run for run in arm.runs if id(run) in names]) for arm in arms]
    complete = [arm for arm in complete if arm.runs]
    cycles = _last_cycles(ended, last)
    finals = {id(run): _of_last(run, cycles) for arm in complete for run in arm.runs}
    several = len(complete) > 1
    compared = pairs(complete, baseline) if several else []
    return Comparison(
        protocol=protocol,
        runs=sorted(runs, key=lambda run: run.name),
        arms=arms,
        last=cycles,
        unfinished=len(runs) - len(ended),
        by_cycle=[row for arm in arms for row in _by_cycle(arm)],
        final=[ArmFinal(arm, _over_seeds([finals[id(run)] for run in arm.runs])) for arm in complete],
        differences=[row for pair in compared for row in _differences(*pair, finals)],
        rankings=_rankings(complete, ended) if several else {},
    )


def over_seeds(values: Sequence[float | None]) -> Estimate | None:
    """Return the mean of the known values; None without any."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Estimate(sum(known) / len(known), bootstrap_mean(known) if len(known) > 1 else None, len(known))


def cut(entries: Sequence[Entry], cost: Callable[[Entry], int], budget: int) -> list[Entry]:
    """Return the completions that a budget pays for, in the order in which they were asked for."""
    ordered = sorted(entries, key=lambda entry: (entry.cycle, entry.slot))
    spent = accumulate(map(cost, ordered))
    return [entry for entry, so_far in zip(ordered, spent, strict=True) if so_far <= budget]


def _by_cycle(arm: Arm) -> list[ArmCycle]:
    rows = []
    for cycle in sorted({report.cycle for run in arm.runs for report in run.reports}):
        values = [one for run in arm.runs if (one := _of_cycle(run, cycle, so_far=True))]
        rows.append(ArmCycle(arm.name, cycle, n=len(values), measures=_over_seeds(values)))
    return rows


def _of_cycle(run: Run, cycle: int, *, so_far: bool = False) -> Values:
    """Return one cycle of a run, with `so_far` the totals and the best up to its end; {} for an open cycle."""
    own = [entry for entry in run.entries if entry.cycle == cycle]
    until = [entry for entry in run.entries if entry.cycle <= cycle] if so_far else own
    return {
        measure.name: measure.read(until if measure.total or measure.kind is Kind.BEST else own, run.threshold)
        for measure in COMPARED
        if own
    }


def _of_last(run: Run, last: int) -> Values:
    """Return means over the run's last cycles; a cycle without a value is left out of its measure."""
    cycles = [_of_cycle(run, report.cycle) for report in run.reports[-last:]]
    known = {m.name: [value for one in cycles if (value := one.get(m.name)) is not None] for m in COMPARED}
    return {name: sum(values) / len(values) if values else None for name, values in known.items()}


def _last_cycles(runs: Sequence[Run], wanted: int | None) -> int:
    shortest = max(1, min((len(run.reports) for run in runs), default=1))
    return min(wanted or max(1, round(shortest / 4)), shortest)


def _over_seeds(values: Sequence[Values]) -> dict[str, Estimate]:
    """Return the means over runs; a measure that no run has is left out."""
    estimates = {measure.name: over_seeds([one.get(measure.name) for one in values]) for measure in COMPARED}
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _differences(first: Arm, second: Arm, finals: dict[int, Values]) -> list[Difference]:
    """Return the difference of two arms in each measure for which they share two seeds or more."""
    rows = []
    for measure in COMPARED:
        by_seed = {}
        for seed in sorted(first.by_seed.keys() & second.by_seed.keys()):
            a, b = (finals[id(arm.by_seed[seed])][measure.name] for arm in (first, second))
            if a is not None and b is not None:
                by_seed[seed] = a - b
        values = list(by_seed.values())
        bootstrap, student = bootstrap_mean(values), student_mean(values)
        if bootstrap and student:
            rows.append(
                Difference(
                    first,
                    second,
                    measure,
                    seeds=list(by_seed),
                    bootstrap=bootstrap,
                    student=student,
                    better=sum(value > 0 for value in values),
                )
            )
    return rows


def _rankings(arms: Sequence[Arm], runs: Sequence[Run]) -> dict[str, tuple[int, list[Ranked]]]:
    """Rank the arms within the largest budget of each kind that every run spent.

    Runs and arms that spend nothing of a kind, such as tokens, have no part in its ranking.
    """
    rankings = {}
    for kind, cost in BUDGETS.items():
        spent = [total for run in runs if (total := sum(map(cost, run.entries)))]
        if spent:
            spending = [arm for arm in arms if all(any(map(cost, run.entries)) for run in arm.runs)]
            ranked = [_within(arm, cost, min(spent)) for arm in spending]
            ranked.sort(key=lambda one: -one.measures[BEST.name].value if BEST.name in one.measures else 0.0)
            rankings[kind] = min(spent), ranked
    return rankings


def _within(arm: Arm, cost: Callable[[Entry], int], budget: int) -> Ranked:
    cuts = [cut(run.entries, cost, budget) for run in arm.runs]
    values: list[Values] = [
        {measure.name: measure.read(entries, run.threshold) for measure in COMPARED}
        for run, entries in zip(arm.runs, cuts, strict=True)
    ]
    counts = over_seeds([float(len(entries)) for entries in cuts]) or Estimate(0.0, None, 0)
    return Ranked(arm.name, len(arm.runs), completions=counts, measures=_over_seeds(values))
