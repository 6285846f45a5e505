"""The comparison of arms: their measures by cycle, over the last cycles, and within one budget, all over seeds.

Every interval is 95% over seeds by Student's t, None from a single seed: seeds are few, and a percentile bootstrap of a
handful of values is too narrow. Differences are paired by seed; their p values are adjusted for all differences of one
measure (Holm).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import isnan, nan

from nnloop.measures import (
    BEST,
    BEST_OF_EQUAL,
    COMPARED,
    INCUMBENT,
    TEST_OF_INCUMBENT,
    Kind,
    Measure,
    distinct,
    firsts,
)
from nnloop.records import Entry, Interval, Status, TrialResult
from nnloop.report.measures.arms import Arm, arms_of, contrast, pairs
from nnloop.report.measures.protocols import check_one_protocol
from nnloop.report.measures.read import Run
from nnloop.stats import expected_best, holm, student_mean, student_p

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
    interval: Interval
    p: float  # that there is no difference, by Student's t
    p_holm: float  # adjusted for all differences in this measure
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
    rankings: dict[str, tuple[float, list[Ranked]]]  # by kind of budget: the budget and the arms, best first


Costs = list[float]
"""The costs of a run's completions, in (cycle, slot) order."""


def _each(cost: Callable[[Entry], float]) -> Callable[[Run], Costs]:
    return lambda run: [cost(entry) for entry in ordered(run)]


def _seconds(stage: str, trial: Callable[[Entry], float]) -> Callable[[Run], Costs]:
    """Return the cost of a completion: its share of its cycle's seconds in a stage, and its trial's."""

    def costs(run: Run) -> Costs:
        shares = {
            report.cycle: report.costs.seconds.get(stage, nan)
            / max(1, sum(e.cycle == report.cycle for e in run.entries))
            for report in run.reports
        }
        return [shares[entry.cycle] + trial(entry) for entry in ordered(run)]

    return costs


def _trained(entry: Entry) -> TrialResult | None:
    return None if entry.status is Status.DUPLICATE else entry.result


BUDGETS: dict[str, Callable[[Run], Costs]] = {
    "completions": _each(lambda entry: 1),
    "trained networks": _each(lambda entry: _trained(entry) is not None),
    "generated tokens": _each(lambda entry: entry.generation.tokens),
    "tokens read and generated": _each(lambda entry: entry.generation.tokens + entry.generation.prompt_tokens),
    "CPU seconds": _seconds("cpu", lambda entry: one.seconds if (one := _trained(entry)) else 0.0),
    "wall seconds": _seconds("total", lambda entry: 0.0),
}
"""Costs of completions by kind of budget.

CPU seconds are the search's own, and its trials' on one core each; a run that does not know them has nan.
"""


def ordered(run: Run) -> list[Entry]:
    """Return a run's entries in (cycle, slot) order."""
    return sorted(run.entries, key=lambda entry: (entry.cycle, entry.slot))


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
    fewest = min((len(one) for run in ended for one in _accuracies(run, cycles)), default=0)
    finals = {id(run): _of_last(run, cycles, fewest) for arm in complete for run in arm.runs}
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
        differences=_adjusted([row for pair in compared for row in _differences(*pair, finals)]),
        rankings=_rankings(complete, ended) if several else {},
    )


def over_seeds(values: Sequence[float | None]) -> Estimate | None:
    """Return the mean of the known values; None without any."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Estimate(sum(known) / len(known), student_mean(known), len(known))


def cut(run: Run, costs: Costs, budget: float) -> list[Entry]:
    """Return the completions that a budget pays for, in the order in which they were asked for."""
    return [
        entry for entry, so_far in zip(ordered(run), accumulate(costs), strict=True) if so_far <= budget * (1 + 1e-9)
    ]


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


def _of_last(run: Run, last: int, fewest: int) -> Values:
    """Return means over the run's last cycles; a cycle without a value is left out of its measure."""
    cycles = [_of_cycle(run, report.cycle) for report in run.reports[-last:]]
    known = {m.name: [value for one in cycles if (value := one.get(m.name)) is not None] for m in COMPARED}
    known[BEST_OF_EQUAL.name] = [
        best for one in _accuracies(run, last) if (best := expected_best(one, fewest)) is not None
    ]
    if run.incumbent:
        known[INCUMBENT.name] = [run.incumbent.validation.value]
        known[TEST_OF_INCUMBENT.name] = [run.incumbent.test.value] if run.incumbent.test else []
    return {name: sum(values) / len(values) if values else None for name, values in known.items()}


def _accuracies(run: Run, last: int) -> list[list[float]]:
    """Return the accuracies of the distinct new networks of each of the last cycles."""
    networks = distinct(firsts(run.entries))
    return [
        [entry.val_accuracy or 0.0 for entry in networks if entry.cycle == report.cycle]
        for report in run.reports[-last:]
    ]


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
        interval, p = student_mean(values), student_p(values)
        if interval is not None and p is not None:
            rows.append(
                Difference(
                    first,
                    second,
                    measure,
                    seeds=list(by_seed),
                    interval=interval,
                    p=p,
                    p_holm=p,
                    better=sum(value > 0 for value in values),
                )
            )
    return rows


def _adjusted(rows: Sequence[Difference]) -> list[Difference]:
    """Adjust the p values of each measure's differences for each other."""
    adjusted = list(rows)
    for measure in COMPARED:
        places = [place for place, row in enumerate(rows) if row.measure is measure]
        for place, p in zip(places, holm([rows[place].p for place in places]), strict=True):
            adjusted[place] = replace(rows[place], p_holm=p)
    return adjusted


def _rankings(arms: Sequence[Arm], runs: Sequence[Run]) -> dict[str, tuple[float, list[Ranked]]]:
    """Rank the arms within the largest budget of each kind that every run spent.

    Runs and arms that spend nothing of a kind, such as tokens, have no part in its ranking; a kind that a run does not
    know is left out.
    """
    rankings = {}
    for kind, read in BUDGETS.items():
        costs = {id(run): read(run) for run in runs}
        spent = {name: sum(each) for name, each in costs.items()}
        spending = [arm for arm in arms if all(spent[id(run)] for run in arm.runs)]
        if spending and not any(isnan(total) for total in spent.values()):
            budget = min(total for total in spent.values() if total)
            ranked = [_within(arm, costs, budget) for arm in spending]
            ranked.sort(key=lambda one: -one.measures[BEST.name].value if BEST.name in one.measures else 0.0)
            rankings[kind] = (budget, ranked)
    return rankings


def _within(arm: Arm, costs: Mapping[int, Costs], budget: float) -> Ranked:
    cuts = [cut(run, costs[id(run)], budget) for run in arm.runs]
    values: list[Values] = [
        {measure.name: measure.read(entries, run.threshold) for measure in COMPARED}
        for run, entries in zip(arm.runs, cuts, strict=True)
    ]
    counts = over_seeds([float(len(entries)) for entries in cuts]) or Estimate(0.0, None, 0)
    return Ranked(arm.name, len(arm.runs), completions=counts, measures=_over_seeds(values))
