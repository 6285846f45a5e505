from pathlib import Path
from typing import Any

import pytest
from arms import FROZEN, LORA, run_of, three_arms

from nnloop.errors import RunFolderError
from nnloop.report.measures.arms import arms_of, contrast, pairs
from nnloop.report.measures.read import Run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return three_arms(tmp_path)


def test_arms_are_named_by_what_sets_them_apart(runs: list[Run]) -> None:
    arms = arms_of(runs)
    assert [arm.name for arm in arms] == ["llm=random", "llm=tiny, finetune=lora", "llm=tiny, finetune=off"]
    assert [[run.seed for run in arm.runs] for arm in arms] == [[0, 1, 2]] * 3


def test_a_setting_of_one_option_alone_is_part_of_the_name(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, 0, finetune=LORA | {"rank": rank}) for rank in (8, 16)]
    assert [arm.name for arm in arms_of(runs)] == ["finetune.rank=16", "finetune.rank=8"]


def test_where_a_run_ran_makes_no_arm_of_it(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, i, executor={"workers": i}, tracker={"name": name}) for i, name in enumerate("ab")]
    assert [arm.name for arm in arms_of(runs)] == ["llm=tiny, mode=delta"]


def test_of_two_runs_of_one_arm_and_seed_the_longer_counts(tmp_path: Path) -> None:
    short, long = run_of(tmp_path, 0, cycles=2), run_of(tmp_path, 0, cycles=4)
    for order in ([short, long], [long, short]):
        assert [arm.runs for arm in arms_of(order)] == [[long]]


def test_arms_that_differ_in_one_setting_are_compared(runs: list[Run]) -> None:
    found = [contrast(*pair) for pair in pairs(arms_of(runs))]
    assert found == [
        "llm: random minus tiny (finetune=lora)",
        "llm: random minus tiny (finetune=off)",
        "finetune: lora minus off (llm=tiny)",
    ]


def test_a_baseline_is_compared_with_every_other_arm(runs: list[Run]) -> None:
    found = pairs(arms_of(runs), "finetune=off")
    assert [(a.name, b.name) for a, b in found] == [
        ("llm=random", "llm=tiny, finetune=off"),
        ("llm=tiny, finetune=lora", "llm=tiny, finetune=off"),
    ]
    with pytest.raises(RunFolderError, match=r"job\.baseline=finetune=no: no arm has that; there are llm=random; "):
        pairs(arms_of(runs), "finetune=no")


def test_names_leave_out_what_is_not_needed_to_tell_arms_apart(tmp_path: Path) -> None:
    strategies: list[dict[str, Any]] = [
        {"finetune": FROZEN, "novelty": {"name": "graph"}, "search": {"staleness": 0}},
        {"finetune": LORA, "novelty": {"name": "tokens"}, "search": {"staleness": 1}},
        {"finetune": LORA, "novelty": {"name": "tokens"}, "search": {"staleness": 2}},
    ]
    found_arms = arms_of([run_of(tmp_path, 0, **groups) for groups in strategies])
    names = [
        "finetune=lora, search.staleness=1",
        "finetune=lora, search.staleness=2",
        "finetune=off, search.staleness=0",
    ]
    assert [arm.name.replace("llm=tiny, ", "") for arm in found_arms] == sorted(names)
    assert [arm.parts["novelty"] for arm in found_arms] == ["tokens", "tokens", "graph"]
