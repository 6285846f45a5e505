"""Names, tags and notes keep to what W&B takes."""

import re

import pytest

from nnloop.tracking.labels import NAME, TAG, artifact_name, fit, notes, tags

SETTINGS = {"llm": {"name": "tiny"}, "dataset": {"name": "digits"}, "mode": {"name": "delta"}}


@pytest.mark.parametrize("name", ["plain", "x" * 300, "key=[a,b]-ü" * 40, "ü"])
def test_a_name_is_short_and_of_plain_letters(name: str) -> None:
    assert len(fit(name, NAME)) <= NAME
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", artifact_name(name, "adapter"))
    assert artifact_name(name, "adapter").endswith("-adapter")


def test_names_that_differ_only_behind_the_cut_stay_apart() -> None:
    names = ["x" * 300 + end for end in "ab"]
    assert len({fit(name, TAG) for name in names}) == len({artifact_name(name, "adapter") for name in names}) == 2


def test_a_run_is_tagged_by_llm_dataset_mode_and_experiment_before_its_overrides() -> None:
    overrides = ["llm=tiny", "experiment=tiny_tuned", "cycles=4", "cycles=4"]
    expected = ["tiny", "digits", "delta", "tiny_tuned", "llm=tiny", "experiment=tiny_tuned", "cycles=4"]
    assert tags(SETTINGS, overrides) == expected


def test_the_notes_are_the_command_as_a_shell_takes_it() -> None:
    assert notes(["llm=tiny", "dataset.root=/a b"]) == "python -m nnloop llm=tiny 'dataset.root=/a b'"
