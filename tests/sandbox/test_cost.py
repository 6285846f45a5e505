"""A training that costs far more or far less than its steps is found; noise is not."""

import pytest
from sandboxes import RECIPE

from nnloop.sandbox.cost import COSTLY, LEAST, MOST, SLACK_S, find_excess

IMAGES = 800  # 100 steps
STEP_S = 0.1
EVALUATION_S = 2.0
EXPECTED = EVALUATION_S + 100 * STEP_S


def excess(train_s: float, step_s: float = STEP_S) -> str:
    return find_excess(train_s, EVALUATION_S, step_s, recipe=RECIPE, images=IMAGES)


@pytest.mark.parametrize("train_s", [EXPECTED, 1.7 * EXPECTED, 2.4 * EXPECTED, 0.5 * EXPECTED])
def test_noise_is_no_excess(train_s: float) -> None:
    assert excess(train_s) == ""


def test_more_work_than_the_recipes_is_said() -> None:
    took = MOST * EXPECTED + SLACK_S + 0.1
    assert excess(took) == f"{COSTLY}: {took:.1f} s of work, where 100 steps and all else take 12.0 s"


def test_a_training_that_did_not_happen_is_said() -> None:
    took = LEAST * 10 - SLACK_S - 0.1
    assert excess(took) == f"{COSTLY}: {took:.1f} s of work, where 100 steps take 10.0 s"


def test_nothing_is_said_where_no_step_was_repeated() -> None:
    assert excess(1000.0, step_s=0.0) == ""
