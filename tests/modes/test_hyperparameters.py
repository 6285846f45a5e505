"""Hyperparameters and transform in prompts and answers."""

import pytest
from edits import BASE
from mode_cases import TASK

from nnloop.modes.delta import Delta
from nnloop.modes.hyperparameters import read_hp, read_transform, tagged_block, transform_text
from nnloop.modes.templates import shipped
from nnloop.records import Network

OWN = Network("a", BASE, "a", 0.4, hp={"lr": 0.02, "batch": 32.0}, transform="norm_64_flip")
BETTER = Network("b", BASE.replace("32", "48"), "b", 0.5, hp={"lr": 0.01, "batch": 64.0}, transform="echo")


@pytest.mark.parametrize("name", ["echo", "norm", "norm_flip", "norm_256_flip", "echo_32", "norm_299"])
def test_a_transform_that_is_written_is_read_again(name: str) -> None:
    assert read_transform(tagged_block({}, name)) == name


@pytest.mark.parametrize(
    "code",
    [
        "",
        "def transform(norm): pass",
        transform_text("norm_64").replace("ToTensor()", "ToTensor(), transforms.RandomRotation(9)"),
        transform_text("norm_64").replace("64", "65"),
    ],
)
def test_a_transform_that_no_training_here_has_is_not_taken(code: str) -> None:
    assert read_transform(f"<tr>\n{code}\n</tr>") == ""


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"lr": 0.1, "batch": 16}', {"lr": 0.1, "batch": 16.0}),
        ('{"lr": 7, "momentum": 0.5, "depth": 3}', {"momentum": 0.5}),
        ('{"lr": NaN, "dropout": true}', {}),
        ("[1, 2]", {}),
        ("lr=0.1", {}),
        ("", {}),
    ],
)
def test_only_known_names_with_possible_values_are_taken(text: str, values: dict[str, float]) -> None:
    assert read_hp(f"<hp>{text}</hp>") == values


def test_a_prompt_shows_the_parents_and_a_pair_teaches_the_better_ones() -> None:
    mode = Delta(3, True, hp="shown", templates=shipped("paper"))
    pair = mode.pair(OWN, BETTER, TASK)
    assert '<hp>{"batch": 32, "lr": 0.02}</hp>' in pair.prompt
    assert "transforms.Resize(64)" in pair.prompt
    assert pair.completion.startswith('<hp>{"batch": 64, "lr": 0.01}</hp>\n<tr>\ndef transform(norm):')
    assert "\n<delta>\n--- a/net.py" in pair.completion


@pytest.mark.parametrize(
    ("rule", "hp", "transform"), [("shown", {}, ""), ("used", {"lr": 0.01, "batch": 64.0}, "echo")]
)
def test_an_answers_own_count_only_where_they_are_used(rule: str, hp: dict[str, float], transform: str) -> None:
    mode = Delta(3, True, hp=rule, templates=shipped("paper"))
    reading = mode.read(mode.pair(OWN, BETTER, TASK).completion, OWN.code)
    assert (reading.hp, reading.transform) == (hp, transform)
    assert reading.code.strip() == BETTER.code.strip()
