"""The measurement of a run's incumbent: its top networks race under fresh seeds, and the winner is tested."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path

from nnloop.executor import Executor, make_trial
from nnloop.measures import distinct
from nnloop.records import COMPLETED, Candidate, Interval, Status, Trial, TrialResult
from nnloop.report.measures.read import Run
from nnloop.runs.durable import journal, make_folder, read_lines
from nnloop.runs.repeats import Incumbent, RacedNetwork
from nnloop.seeding import derive
from nnloop.settings import Settings
from nnloop.stats import student_mean, student_quantile

MOST = 16
"""Networks that race at most."""
REPEATS = 3
"""Trials of each network that a race has room for at least, and after which a network without rivals stops."""
TEST_SEEDS = 5

Show = Callable[[int, int], None]
Repeat = tuple[str, str, int]
"""The network's id, the purpose (race or test), and the number of the repeat, from 0."""


def room(run: Run, share: float) -> int:
    """Return the trials of a race that `share` of the run's trials leaves beside the test; 0 or less: too few."""
    trained = sum(entry.result is not None and entry.status is not Status.DUPLICATE for entry in run.entries)
    return round(share * trained) - TEST_SEEDS


def is_due(run: Run, share: float) -> bool:
    """Tell whether the incumbent has to be measured: there is room, and these cycles and share have none yet.

    A pool's run has none.
    """
    if run.datasets:
        return False  # of several datasets there is no one best network
    known = run.incumbent
    measured = known is not None and (known.cycles, known.share) == (len(run.reports), share)
    return not measured and room(run, share) > 0 and bool(distinct(run.entries))


def measure_incumbent(
    run: Run, settings: Settings, executor: Executor, *, trials: Path, show: Show = lambda done, most: None
) -> Incumbent | None:
    """Race the run's top networks and test the winner; None if no network's code is known.

    Trials are kept in the journal `trials` and not repeated. `show` gets the number of trials
    that have ended and the most that there can be. Results depend on the run's seed and networks alone.
    """
    share = settings.incumbent.share
    top = [str(entry.candidate) for entry in run.front or run.networks if run.code(str(entry.candidate))][:MOST]
    budget = room(run, share)
    if not top or budget <= 0:
        return None
    claimed = {str(entry.candidate): entry.val_accuracy or 0.0 for entry in run.networks}
    repeats = _Repeats(run, settings, executor, trials=trials, show=lambda done: show(done, budget + TEST_SEEDS))
    accuracies = race(
        top, budget, lambda keys: [_accuracy(one) for one in repeats.results(keys)], to_the_end=bool(run.front)
    )
    ranked = sorted(accuracies, key=lambda name: (-statistics.mean(accuracies[name]), top.index(name)))
    survivors = [name for name in ranked if len(accuracies[name]) == max(map(len, accuracies.values()))]
    winner = survivors[0]
    tests = repeats.results([(winner, "test", number) for number in range(TEST_SEEDS)])
    tested = [one.test_accuracy or 0.0 if one.status in COMPLETED else 0.0 for one in tests]
    order = [winner, *(name for name in ranked if name != winner)]
    return Incumbent(
        candidate=winner,
        validation=_mean(accuracies[winner]),
        test=_mean(tested),
        test_accuracies=tested,
        networks=[RacedNetwork(name, claimed[name], accuracies[name]) for name in order],
        trials=sum(map(len, accuracies.values())) + TEST_SEEDS,
        share=share,
        cycles=len(run.reports),
    )


def race(
    names: Sequence[str],
    budget: int,
    repeat: Callable[[Sequence[Repeat]], Sequence[float]],
    *,
    to_the_end: bool = False,
) -> dict[str, list[float]]:
    """Try networks again in rounds, by successive elimination; return the accuracies of each.

    As many of the first names take part as the budget can try REPEATS times. From the second round on, a network drops
    out whose mean is below the leader's by more than the noise of their difference, with 95% confidence. `to_the_end`:
    none drops out and each is tried REPEATS times, since the cheaper networks of a Pareto front are wanted too.
    """
    alive = list(names[: max(1, budget // REPEATS)])
    accuracies: dict[str, list[float]] = {name: [] for name in alive}
    rounds = spent = 0
    while spent + len(alive) <= budget and ((len(alive) > 1 and not to_the_end) or rounds < REPEATS):
        keys = [(name, "race", rounds) for name in alive]
        for name, accuracy in zip(alive, repeat(keys), strict=True):
            accuracies[name].append(accuracy)
        rounds, spent = rounds + 1, spent + len(alive)
        alive = alive if to_the_end else _survivors(alive, accuracies, rounds)
    return accuracies


def _survivors(alive: Sequence[str], accuracies: Mapping[str, Sequence[float]], rounds: int) -> list[str]:
    """Return the networks that may still be the best one; the noise is pooled over all that were tried twice."""
    known = [values for values in accuracies.values() if len(values) > 1]
    degrees = sum(len(values) - 1 for values in known)
    if not degrees:
        return list(alive)
    squares = sum(statistics.variance(values) * (len(values) - 1) for values in known)
    margin = student_quantile(degrees) * (squares / degrees * 2 / rounds) ** 0.5
    means = {name: statistics.mean(accuracies[name]) for name in alive}
    return [name for name in alive if means[name] >= max(means.values()) - margin]


class _Repeats:
    """Trials of a run's networks under fresh seeds, kept in a journal."""

    def __init__(
        self, run: Run, settings: Settings, executor: Executor, *, trials: Path, show: Callable[[int], None]
    ) -> None:
        self._run, self._settings, self._executor, self._file, self._show = run, settings, executor, trials, show
        make_folder(trials.parent)
        rows = read_lines(trials)
        self._known: dict[Repeat, TrialResult] = {
            (row["candidate"], row["purpose"], row["repeat"]): TrialResult.from_json(row["result"]) for row in rows
        }
        self._done = 0

    def results(self, keys: Sequence[Repeat]) -> list[TrialResult]:
        """Return the trials' results; run the trials that the journal does not hold."""
        missing = [key for key in keys if key not in self._known]
        running = {self._executor.submit(self._trial(key)): key for key in missing}
        self._done += len(keys) - len(missing)
        with journal(self._file) as kept:
            for future in as_completed(running):
                key, result = running[future], future.result()
                self._known[key] = result
                if result.status is not Status.INFRASTRUCTURE:
                    name, purpose, repeat = key
                    row = {"candidate": name, "purpose": purpose, "repeat": repeat, "result": result.to_json()}
                    kept.append(json.dumps(row))
                self._done += 1
                self._show(self._done)
        return [self._known[key] for key in keys]

    def _trial(self, key: Repeat) -> Trial:
        name = key[0]
        entry = self._run.by_id[name]
        candidate = Candidate(
            name, self._run.code(name) or "", mode=entry.mode, parent=entry.parent, cycle=entry.cycle, slot=entry.slot
        )
        seed = derive(self._run.seed, "incumbent", *key)
        return make_trial(self._settings, candidate, seed)


def _accuracy(result: TrialResult) -> float:
    """Return the validation accuracy of a trial; one that did not complete counts 0."""
    return result.val_accuracy or 0.0 if result.status in COMPLETED else 0.0


def _mean(values: Sequence[float]) -> Interval:
    return student_mean(values) or Interval(values[0], 0.0, 1.0)
