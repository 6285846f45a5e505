from dataclasses import replace
from pathlib import Path

import pytest
from arms import FROZEN, run_of, three_arms

from nnloop.measures import ADMITTED, BEST, TOKENS
from nnloop.records import Status
from nnloop.report.measures.compare import BUDGETS, compare, cut
from nnloop.report.measures.read import Run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return three_arms(tmp_path)


def test_a_difference_is_paired_by_seed_and_its_interval_is_a_bootstrap_over_seeds(runs: list[Run]) -> None:
    found = compare(runs, "p", last=2, baseline="finetune=off")
    (one,) = [d for d in found.differences if d.first.name == "llm=tiny, finetune=lora" and d.measure.name == "mean"]
    assert (one.seeds, one.better) == ([0, 1, 2], 3)
    for interval in (one.bootstrap, one.student):
        assert (interval.value, interval.low, interval.high) == pytest.approx((0.1, 0.1, 0.1))


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
    assert last["best"].value == run.of(BEST)


def test_a_ranking_cuts_every_run_at_the_budget_that_all_of_them_had(tmp_path: Path) -> None:
    stopped = {"tokens": 1, "hours": None}
    short, long = run_of(tmp_path, 0, cycles=2, finetune=FROZEN, budget=stopped), run_of(tmp_path, 0, cycles=4)
    found = compare([short, long], "p")
    budget, ranked = found.rankings["completions"]
    assert (budget, {one.completions.value for one in ranked}) == (16, {16})
    for kind, cost in BUDGETS.items():
        budget, ranked = found.rankings[kind]
        assert budget == min(sum(map(cost, run.entries)) for run in (short, long))
        best = [one.measures["best"].value for one in ranked]
        assert best == sorted(best, reverse=True)


def test_an_unfinished_run_is_in_the_curves_alone(tmp_path: Path) -> None:
    half, whole = run_of(tmp_path, 0, cycles=2, finetune=FROZEN), run_of(tmp_path, 0, cycles=4)
    found = compare([half, whole], "p")
    assert found.unfinished == 1
    assert [one.arm.name for one in found.final] == ["finetune=lora"]
    assert {row.arm for row in found.by_cycle} == {"finetune=lora", "finetune=off"}
    assert found.rankings == {}


def test_what_a_budget_pays_for_are_the_first_completions(tmp_path: Path) -> None:
    run = run_of(tmp_path, 0)
    cost = BUDGETS["generated tokens"]
    kept = cut(run.entries[::-1], cost, 500)
    assert kept == run.entries[: len(kept)]
    assert sum(map(cost, kept)) <= 500 < sum(map(cost, run.entries[: len(kept) + 1]))


def test_an_arm_that_writes_no_tokens_is_not_ranked_by_them(runs: list[Run]) -> None:
    silent = [
        replace(run, entries=[replace(entry, generation=replace(entry.generation, tokens=0)) for entry in run.entries])
        if run.setting("llm.name") == "random"
        else run
        for run in runs
    ]
    found = compare(silent, "p")
    assert [len(ranked) for _, ranked in found.rankings.values()] == [3, 2, 3]
