"""A run folder has a plain name, unique by the overrides that affect results."""

import itertools
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnloop.naming import LIMIT, run_folder, run_subfolder

PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def search(**changes: object) -> SimpleNamespace:
    """The part of the settings that names a search."""
    names = {"llm": "tiny", "dataset": "digits", "mode": "delta", "job": "search"}
    groups = {key: SimpleNamespace(name=name) for key, name in names.items()}
    return SimpleNamespace(**{"seed": 0, "name": "search", **groups, **changes})


def name(*overrides: str) -> str:
    return run_subfolder(search(), list(overrides))  # type: ignore[arg-type]


def test_a_searchs_folder_names_every_override_that_affects_results_and_no_other() -> None:
    beside = [
        "executor.workers=1",
        "dataset.root=/x",
        "llm.device=cpu",
        "budget.hours=1",
        "summaries=y",
        "tracker=none",
    ]
    telling = ["executor.wall_s=9", "experiment=gu_memory", "finetune.lr=1e-5", "+llm.top_p=0.5", "finetune=off"]
    assert name("llm=tiny", "dataset=digits", "seed=0", *beside, *telling) == (
        "tiny-digits-delta-s0-wall_s_9-gu_memory-finetune_off-finetune.lr_1e-5-top_p_0.5"
    )
    assert run_folder(search(), ["finetune=off"]) == "outputs/search/tiny-digits-delta-s0-finetune_off"  # type: ignore[arg-type]


def test_the_order_and_the_quotes_of_a_command_do_not_count_and_the_last_of_a_key_does() -> None:
    assert (
        name("cycles=2", "retries=1") == name("retries='1'", "cycles=7", "+cycles=2") == name("cycles=2", "retries=1")
    )


def test_a_long_name_is_cut_and_gets_a_hash_of_everything() -> None:
    many = [f"llm.max_new_tokens.delta={number}" for number in (7, 8)]
    names = {name("llm.revision=" + "x" * 300, "mode.max_params=" + "9" * 60, one) for one in many}
    assert len(names) == 2
    assert all(len(one) <= LIMIT and PLAIN.fullmatch(one) for one in names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *itertools.combinations([[f"llm.model=a{sign}b"] for sign in "/:?*_= "], 2),
        (["llm.revision=a", "retries=1"], ["llm.revision=a-retries_1"]),
        (["cycles=4"], ["experiment=cycles_4"]),
        (["debug=x"], ["experiment=x"]),
        (["finetune.batch_size=4"], ["proxy.batch_size=4"]),
        (["llm=mine"], ["llm=tiny"]),  # two options of one name
        (["+new.key=4"], ["+key=4"]),
        (["~finetune"], ["finetune=off"]),
        (["resume=a"], ["resume=b"]),
    ],
)  # fmt: skip
def test_two_commands_never_share_a_folder(one: list[str], other: list[str]) -> None:
    assert name(*one) != name(*other)


KEYS = ("cycles", "retries", "llm.revision", "llm.top_k", "experiment", "finetune.rank", "proxy.batch_size", "x.rank")


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), st.text("ab1-_.=/ü ", max_size=9)), min_size=2, max_size=2))
def test_no_two_sets_of_overrides_make_one_name(sets: list[dict[str, str]]) -> None:
    one, other = (name(*[f"{key}={value}" for key, value in some.items()]) for some in sets)
    assert PLAIN.fullmatch(one)
    assert (one == other) == (sets[0] == sets[1])


def test_a_fork_is_named_after_the_folder_that_it_starts_from() -> None:
    long = [f"llm.revision={'x' * 200}", "cycles=3"]
    assert name(*long, "resume=fork") == name(*long) + "-fork"
    assert len(name(*long, "resume=fork")) <= LIMIT
    assert name("resume=continue") == name()


def test_other_jobs_are_in_a_folder_of_their_own_and_find_it_again_if_they_can_go_on(configure) -> None:
    options = ["job=validate", "runs=a/b", "seed=1", "executor.workers=2"]
    assert re.fullmatch(r"jobs/validate-runs_a_b-seed_1-\w{8}", run_subfolder(configure(*options), options))
    evaluate = configure("job=evaluate", "candidate=x.py")
    assert re.fullmatch(r"jobs/evaluate-\d+-\d+", run_subfolder(evaluate, []))
    assert re.fullmatch(r"jobs/evaluate-\d+-\d+-7", run_subfolder(evaluate, [], 7))
