from dataclasses import replace
from pathlib import Path

import pytest
from arms import FROZEN, run_of, three_arms

from nnloop.measures import ADMITTED, BEST, BEST_OF_EQUAL, INCUMBENT, MEAN, TEST_OF_INCUMBENT, TOKENS, distinct
from nnloop.records import Interval, Status
from nnloop.report.measures.compare import BUDGETS, compare, cut
from nnloop.report.measures.read import Run
from nnloop.runs.repeats import Incumbent, RacedNetwork
from nnloop.stats import expected_best, holm


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return three_arms(tmp_path)


def test_a_difference_is_paired_by_seed_and_its_interval_is_student_s_over_seeds(runs: list[Run]) -> None:
    found = compare(runs, "p", last=2, baseline="finetune=off")
    (one,) = [d for d in found.differences if d.first.name == "llm=tiny, finetune=lora" and d.measure.name == "mean"]
    assert (one.seeds, one.better) == ([0, 1, 2], 3)
    assert (one.interval.value, one.interval.low, one.interval.high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_p_values_of_a_measure_are_adjusted_for_each_other(runs: list[Run]) -> None:
    of_mean = [one for one in compare(runs, "p", last=2).differences if one.measure is MEAN]
    assert len(of_mean) > 1
    assert [one.p_holm for one in of_mean] == holm([one.p for one in of_mean])


def test_the_final_comparison_takes_the_mean_of_the_last_cycles(runs: list[Run]) -> None:
    found = compare(runs, "p", last=2)
    of_arm = next(one for one in found.final if one.arm.name == "llm=random")
    cycles = [[entry for entry in run.entries if entry.cycle == cycle] for run in of_arm.arm.runs for cycle in (2, 3)]
    rates = [sum(entry.valid for entry in entries) / len(entries) for entries in cycles]
    assert of_arm.measures["valid"].value == pytest.approx(sum(rates) / 6)
    assert compare(runs, "p").last == 1  # a quarter of four


def test_accuracy_per_completion_counts_an_invalid_one_as_zero(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0)
    cycle = next(entry.cycle for entry in run.entries if not entry.valid)
    row = compare([run], "p").by_cycle[cycle].measures
    entries = [entry for entry in run.entries if entry.cycle == cycle]
    valid = [entry.val_accuracy or 0 for entry in entries if entry.valid]
    assert 0 < len(valid) < len(entries)
    assert row["mean of all"].value == pytest.approx(sum(valid) / len(entries))
    assert row["mean"].value == pytest.approx(sum(valid) / len(valid))


def test_a_repeated_network_counts_once_in_the_mean_and_each_time_per_completion(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0)
    first = next(entry for entry in run.entries if entry.valid)
    twice = replace(run, entries=[first, replace(first, status=Status.DUPLICATE)])
    row = compare([twice], "p").by_cycle[0].measures
    assert (row["distinct"].value, row["valid"].value) == (1, 1.0)
    assert row["mean of all"].value == row["mean"].value == first.val_accuracy


def test_totals_and_the_best_of_a_cycle_are_those_up_to_its_end(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0)
    last = compare([run], "p").by_cycle[-1].measures
    assert last["admitted"].value == run.of(ADMITTED)
    assert last["tokens"].value == run.of(TOKENS)
    assert last[BEST.name].value == run.of(BEST)


def test_a_ranking_cuts_every_run_at_the_budget_that_all_of_them_had(tmp_path: Path) -> None:
    stopped = {"tokens": 1, "hours": None}
    short, long = run_of(tmp_path, 0, cycles=2, finetune=FROZEN, budget=stopped), run_of(tmp_path, 0, cycles=4)
    found = compare([short, long], "p")
    budget, ranked = found.rankings["completions"]
    assert (budget, {one.completions.value for one in ranked}) == (16, {16})
    assert found.rankings.keys() == BUDGETS.keys()
    for kind, (budget, ranked) in found.rankings.items():
        assert budget == pytest.approx(min(sum(BUDGETS[kind](run)) for run in (short, long)))
        best = [one.measures[BEST.name].value for one in ranked]
        assert best == sorted(best, reverse=True)


def test_a_budget_that_a_run_does_not_know_ranks_nothing(tmp_path: Path) -> None:
    run, other = run_of(tmp_path, 0), run_of(tmp_path, 0, finetune=FROZEN)
    costs = [replace(one.costs, seconds={"total": 1.0}) for one in run.reports]
    run = replace(run, reports=[replace(one, costs=cost) for one, cost in zip(run.reports, costs, strict=True)])
    assert compare([run, other], "p").rankings.keys() == BUDGETS.keys() - {"CPU seconds"}


def test_cpu_seconds_are_the_search_s_own_and_its_trials(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0, cycles=2)
    reports = [replace(one, costs=replace(one.costs, seconds=one.costs.seconds | {"cpu": 16.0})) for one in run.reports]
    trials = sum(e.result.seconds for e in run.entries if e.result and e.status is not Status.DUPLICATE)
    assert trials > 0
    assert sum(BUDGETS["CPU seconds"](replace(run, reports=reports))) == pytest.approx(32 + trials)


def test_a_duplicate_is_no_trained_network_and_counts_nothing_among_all_new(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0, cycles=1)
    first = next(entry for entry in run.entries if entry.valid)
    again = replace(first, generation=replace(first.generation, slot=99), status=Status.DUPLICATE)
    twice = replace(run, entries=[first, again])
    assert BUDGETS["trained networks"](twice) == [True, False]
    assert compare([twice], "p").by_cycle[0].measures["mean of all new"].value == (first.val_accuracy or 0) / 2


def test_the_best_of_a_cycle_is_compared_at_equal_numbers_of_networks(tmp_path: Path) -> None:
    """The arm with more networks a cycle has more chances of a lucky one, and no more once the numbers are equal."""
    many = run_of(tmp_path, 0, cycles=1)
    few = replace(many, entries=[entry for entry in many.entries if entry.valid][:2])
    few = replace(few, meta=few.meta | {"settings": few.meta["settings"] | {"finetune": FROZEN}})
    by_arm = {one.arm.name: one.measures for one in compare([many, few], "p").final}
    accuracies = [entry.val_accuracy or 0.0 for entry in distinct(many.entries)]
    assert by_arm["finetune=lora"][BEST_OF_EQUAL.name].value == pytest.approx(expected_best(accuracies, 2))
    assert by_arm["finetune=off"][BEST_OF_EQUAL.name].value == by_arm["finetune=off"][BEST.name].value


def test_an_arm_has_its_incumbents_and_their_test_accuracies(runs: list[Run]) -> None:
    mean = Interval(0.9, 0.8, 1.0)
    raced = [RacedNetwork("n", 0.95, [0.9, 0.9])]
    known = Incumbent("n", mean, Interval(0.7, 0.6, 0.8), [0.7] * 5, raced, trials=7, share=0.1, cycles=4)
    final = compare([replace(run, incumbent=known) for run in runs], "p").final
    values = [(one.measures[INCUMBENT.name].value, one.measures[TEST_OF_INCUMBENT.name].value) for one in final]
    assert values == [pytest.approx((0.9, 0.7))] * 3


def test_an_unfinished_run_is_in_the_curves_alone(tmp_path: Path) -> None:
    half, whole = run_of(tmp_path, 0, cycles=2, finetune=FROZEN), run_of(tmp_path, 0, cycles=4)
    found = compare([half, whole], "p")
    assert found.unfinished == 1
    assert [one.arm.name for one in found.final] == ["finetune=lora"]
    assert {row.arm for row in found.by_cycle} == {"finetune=lora", "finetune=off"}
    assert found.rankings == {}


def test_what_a_budget_pays_for_are_the_first_completions(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0)
    costs = BUDGETS["generated tokens"](run)
    kept = cut(replace(run, entries=run.entries[::-1]), costs, 500)
    assert kept == run.entries[: len(kept)]
    assert sum(costs[: len(kept)]) <= 500 < sum(costs[: len(kept) + 1])


def test_an_arm_that_writes_no_tokens_is_not_ranked_by_them(runs: list[Run]) -> None:
    silent = [
        replace(run, entries=[replace(entry, generation=replace(entry.generation, tokens=0)) for entry in run.entries])
        if run.setting("llm.name") == "random"
        else run
        for run in runs
    ]
    found = compare(silent, "p")
    arms = {kind: len(ranked) for kind, (_, ranked) in found.rankings.items()}
    assert (arms["completions"], arms["generated tokens"], arms["tokens read and generated"]) == (3, 2, 3)
