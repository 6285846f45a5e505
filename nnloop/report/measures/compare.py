"""What arms are compared by: their measures per cycle, over the last cycles, and within one budget; all over seeds.

Every interval is 95% over seeds: a percentile bootstrap of the seeds' values, None from a single seed. Differences are
paired by seed; theirs is given by Student's t too, because a bootstrap of a handful of seeds is too narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import nan

from nnloop.records import Entry, Interval, Status
from nnloop.report.measures.arms import Arm, arms_of, contrast, pairs
from nnloop.report.measures.protocols import check_one_protocol
from nnloop.report.measures.read import Run
from nnloop.stats import bootstrap_mean, student_mean


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of some completions of a run; `read` gives None where they have none.

    `fraction` is printed in percent. `total` adds up over cycles, so that its curve is shown cumulative.
    """

    name: str
    read: Callable[[Sequence[Entry], float], float | None]  # of the completions and the run's accuracy threshold
    fraction: bool = True
    total: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds."""

    value: float
    interval: Interval | None  # None from a single seed
    n: int

    @property
    def as_interval(self) -> Interval:
        """With unknown ends (nan) where there is no interval."""
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


def _valid(entries: Sequence[Entry], threshold: float) -> float | None:
    return _average([float(entry.valid) for entry in _firsts(entries)])


def _mean_all(entries: Sequence[Entry], threshold: float) -> float | None:
    return _average([entry.val_accuracy or 0.0 for entry in _firsts(entries)])


def _above(entries: Sequence[Entry], threshold: float) -> float | None:
    return _average([float(accuracy >= threshold) for accuracy in _accuracies(_firsts(entries))])


def _test_of_best(entries: Sequence[Entry]) -> float | None:
    best = max(_distinct(entries), key=lambda entry: entry.val_accuracy or 0.0, default=None)
    return best.result.test_accuracy if best and best.result else None


def _jaccard(entries: Sequence[Entry], threshold: float) -> float | None:
    return _average([entry.novelty.max_jaccard for entry in _distinct(_firsts(entries)) if entry.novelty])


def _tokens_per_admitted(entries: Sequence[Entry], threshold: float) -> float | None:
    """None for an arm that generates no tokens, such as random edits, too."""
    admitted, tokens = sum(entry.admitted for entry in entries), sum(entry.generation.tokens for entry in entries)
    return tokens / admitted if admitted and tokens else None


MEASURES: tuple[Measure, ...] = (
    Measure("valid", _valid),
    Measure("mean", lambda entries, threshold: _average(_accuracies(_firsts(entries)))),
    Measure("per completion", _mean_all),
    Measure("best", lambda entries, threshold: max(_accuracies(entries), default=None)),
    Measure("its test", lambda entries, threshold: _test_of_best(entries)),
    Measure("above", _above),
    Measure("admitted", lambda entries, threshold: sum(entry.admitted for entry in entries), False, True),
    Measure("distinct", lambda entries, threshold: len(_distinct(_firsts(entries))), False, True),
    Measure("Jaccard", _jaccard, False),
    Measure("tokens per admitted", _tokens_per_admitted, False, True),
    Measure("tokens", lambda entries, threshold: sum(entry.generation.tokens for entry in entries), False, True),
    Measure(
        "prompt tokens",
        lambda entries, threshold: sum(entry.generation.prompt_tokens for entry in entries),
        False,
        True,
    ),
)
"""By name. mean, best and above are over distinct valid networks; per completion counts an invalid one as 0.

Repaired completions count for best, admitted and tokens alone.
"""

_SO_FAR = ("best", "its test")  # their curves show the best so far

MEANING = {
    "valid": "share of completions that gave a network which trained to the end of its epoch",
    "mean": "mean validation accuracy of distinct valid networks",
    "per completion": "mean validation accuracy of all completions, an invalid one counted 0",
    "best": "best validation accuracy",
    "its test": "test accuracy of the network that is best on validation",
    "above": "share of distinct valid networks at or above admission.min_accuracy",
    "admitted": "networks admitted to the archive",
    "distinct": "distinct valid networks that were new",
    "Jaccard": "mean similarity of distinct valid networks to the nearest known one",
    "tokens per admitted": "tokens generated by networks admitted",
    "tokens": "tokens generated",
    "prompt tokens": "tokens read",
}

BUDGETS: dict[str, Callable[[Entry], int]] = {
    "completions": lambda entry: 1,
    "generated tokens": lambda entry: entry.generation.tokens,
    "tokens read and generated": lambda entry: entry.generation.tokens + entry.generation.prompt_tokens,
}


def compare(runs: Sequence[Run], protocol: str, last: int | None = None, baseline: str | None = None) -> Comparison:
    """Compare the arms of runs of one protocol.

    `last` None takes the last quarter of the shortest run. Raises RunFolderError for runs of two protocols or digests,
    and if no arm is the `baseline`.
    """
    check_one_protocol(runs)
    arms = arms_of(runs)
    ended = [run for run in runs if run.finished] or [run for run in runs if run.reports]
    kept = {id(run) for run in ended}
    complete = [replace(arm, runs=[run for run in arm.runs if id(run) in kept]) for arm in arms]
    complete = [arm for arm in complete if arm.runs]
    taken = _last_cycles(ended, last)
    found = pairs(complete, baseline) if len(complete) > 1 else []
    limits = _budgets(ended) if len(complete) > 1 else {}
    return Comparison(
        protocol=protocol,
        runs=sorted(runs, key=lambda run: run.name),
        arms=arms,
        last=taken,
        unfinished=len(runs) - len(ended),
        by_cycle=_by_cycle(arms),
        final=[ArmFinal(arm, _over_seeds([_of_last(run, taken) for run in arm.runs])) for arm in complete],
        differences=_differences(found, taken),
        rankings={kind: (budget, _ranking(complete, kind, budget)) for kind, budget in limits.items()},
    )


def _by_cycle(arms: Sequence[Arm]) -> list[ArmCycle]:
    rows = []
    for arm in arms:
        for cycle in sorted({report.cycle for run in arm.runs for report in run.reports}):
            found = [one for run in arm.runs if (one := _of_cycle(run, cycle, so_far=True))]
            rows.append(ArmCycle(arm.name, cycle, len(found), _over_seeds(found)))
    return rows


def _of_cycle(run: Run, cycle: int, so_far: bool = False) -> dict[str, float | None]:
    """One cycle of a run, with `so_far` the totals and the best up to its end; nothing where it is open."""
    own = [entry for entry in run.entries if entry.cycle == cycle]
    if not own:
        return {}
    until = [entry for entry in run.entries if entry.cycle <= cycle] if so_far else own
    return {
        measure.name: measure.read(until if measure.total or measure.name in _SO_FAR else own, run.threshold)
        for measure in MEASURES
    }


def _last_cycles(runs: Sequence[Run], wanted: int | None) -> int:
    shortest = max(1, min((len(run.reports) for run in runs), default=1))
    return min(wanted or max(1, round(shortest / 4)), shortest)


def _differences(pairs: Sequence[tuple[Arm, Arm]], last: int) -> list[Difference]:
    """Of every pair of arms and measure; nothing where they share fewer than two seeds."""
    rows = (_difference(first, second, measure, last) for first, second in pairs for measure in MEASURES)
    return [row for row in rows if row is not None]


def _budgets(runs: Sequence[Run]) -> dict[str, int]:
    """The largest budget of each kind that every run spent; runs that spend nothing of a kind don't count."""
    spent = {kind: [n for run in runs if (n := sum(map(cost, run.entries)))] for kind, cost in BUDGETS.items()}
    return {kind: min(values) for kind, values in spent.items() if values}


def _ranking(arms: Sequence[Arm], kind: str, budget: int) -> list[Ranked]:
    """Arms by the best accuracy that a budget bought; only arms that spend such a thing at all."""
    cost = BUDGETS[kind]
    found = [_within(arm, cost, budget) for arm in arms if all(any(map(cost, run.entries)) for run in arm.runs)]
    return sorted(found, key=lambda one: -one.measures["best"].value if "best" in one.measures else 0.0)


def over_seeds(values: Sequence[float | None]) -> Estimate | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    interval = bootstrap_mean(known) if len(known) > 1 else None
    return Estimate(sum(known) / len(known), interval, len(known))


def _over_seeds(found: Sequence[dict[str, float | None]]) -> dict[str, Estimate]:
    """A measure that no run has is left out."""
    estimates = {measure.name: over_seeds([one.get(measure.name) for one in found]) for measure in MEASURES}
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


def _of_last(run: Run, last: int) -> dict[str, float | None]:
    """Means over the run's last cycles; a cycle without a value is left out of its measure."""
    cycles = [_of_cycle(run, report.cycle) for report in run.reports[-last:]]
    known = {m.name: [v for one in cycles if (v := one.get(m.name)) is not None] for m in MEASURES}
    return {name: _average(values) for name, values in known.items()}


def _difference(first: Arm, second: Arm, measure: Measure, last: int) -> Difference | None:
    a, b = first.by_seed, second.by_seed
    both = {
        seed: (_of_last(a[seed], last)[measure.name], _of_last(b[seed], last)[measure.name]) for seed in a if seed in b
    }
    found = {seed: x - y for seed, (x, y) in both.items() if x is not None and y is not None}
    values = list(found.values())
    bootstrap, student = bootstrap_mean(values), student_mean(values)
    if bootstrap is None or student is None:
        return None
    better = sum(value > 0 for value in values)
    return Difference(first, second, measure, sorted(found), bootstrap, student, better)


def _within(arm: Arm, cost: Callable[[Entry], int], budget: int) -> Ranked:
    cuts = [cut(run.entries, cost, budget) for run in arm.runs]
    found = [
        {measure.name: measure.read(entries, run.threshold) for measure in MEASURES}
        for run, entries in zip(arm.runs, cuts, strict=True)
    ]
    counts = over_seeds([float(len(entries)) for entries in cuts]) or Estimate(0.0, None, 0)
    return Ranked(arm.name, len(arm.runs), counts, _over_seeds(found))


def cut(entries: Sequence[Entry], cost: Callable[[Entry], int], budget: int) -> list[Entry]:
    """The completions that a budget pays for, in the order in which they were asked for."""
    ordered = sorted(entries, key=lambda entry: (entry.cycle, entry.slot))
    spent = accumulate(map(cost, ordered))
    return [entry for entry, so_far in zip(ordered, spent, strict=True) if so_far <= budget]


def _firsts(entries: Sequence[Entry]) -> list[Entry]:
    """What rates and means are about: completions, not repairs of such."""
    return [entry for entry in entries if entry.retry_of is None]


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.valid and entry.status is not Status.DUPLICATE]


def _accuracies(entries: Sequence[Entry]) -> list[float]:
    return [entry.val_accuracy for entry in _distinct(entries) if entry.val_accuracy is not None]


def _average(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
