"""The recipe: from settings to plain numbers, and across to the child as JSON."""

import json
import math
from collections.abc import Callable

import pytest
from recipes import lemur_recipe

from nnloop.settings import Settings
from nnloop.training.recipe import Recipe, batch_size, build_recipe, one_cycle, steps_per_epoch

Configure = Callable[..., Settings]


def composed(configure: Configure, *overrides: str) -> Recipe:
    settings = configure("dataset=cifar10", *overrides)
    return build_recipe(settings.dataset, settings.proxy, epochs=2, images=40_000)


@pytest.mark.parametrize("proxy", ["fast", "lemur", "long"])
def test_a_recipe_crosses_as_json_unchanged(proxy: str, configure: Configure) -> None:
    made = composed(configure, f"proxy={proxy}")
    assert Recipe.from_json(json.loads(made.line())) == made


def test_the_fast_protocol_takes_the_datasets_augmentation_and_its_own_schedule(configure: Configure) -> None:
    made = composed(configure, "proxy=fast", "proxy.weight_decay=0.25", "proxy.warmup_share=0.5")
    assert (made.flip, made.crop_pad, made.mean) == (True, 4, [0.4914, 0.4822, 0.4465])
    assert (made.epochs, made.batch_size, made.weight_decay, made.warmup_share) == (2, 64, 0.25, 0.5)
    assert (made.nesterov, made.precision, made.size, made.own_training) == (True, "auto", None, False)


def test_the_transform_decides_over_flips_and_pixels_and_the_dataset_over_mean_and_std() -> None:
    normal, echo = lemur_recipe(transform="norm_flip"), lemur_recipe(transform="echo_64")
    assert (normal.flip, normal.size, normal.mean, normal.std) == (True, None, [0.3], [0.4])
    assert (echo.flip, echo.size, echo.mean, echo.std) == (False, 64, [0.0], [1.0])
    assert (normal.crop_pad, normal.weight_decay, normal.label_smoothing, normal.nesterov) == (0, 0.0, 0.0, False)
    assert (normal.precision, normal.warmup_share, normal.own_training) == ("float32", None, True)


def test_prm_holds_lemurs_names_and_those_given_beside() -> None:
    assert lemur_recipe(transform="norm_32").prm() == {
        "width": 0.5,
        "lr": 0.05,
        "momentum": 0.9,
        "dropout": 0.2,
        "batch": 8,
        "epoch": 1,
        "epoch_max": 1,
        "transform": "norm_32",
    }


def test_small_sets_get_smaller_batches() -> None:
    assert (batch_size(64, 70, 45_000), batch_size(64, 70, 1200), batch_size(64, 70, 10)) == (64, 17, 2)
    assert lemur_recipe(count=5).batch_size == 5


def test_a_last_batch_of_one_image_is_dropped() -> None:
    assert (steps_per_epoch(20, 8), steps_per_epoch(17, 8), steps_per_epoch(16, 8)) == (3, 2, 2)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [one_cycle(step, 100, 0.3) for step in range(101)]
    assert (rates[0], rates[30], max(rates)) == (0.04, 1.0, 1.0)
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert math.isclose(rates[100], 0.0, abs_tol=1e-9)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_schedule_of_a_very_short_epoch_is_positive(total: int) -> None:
    assert all(one_cycle(step, total, 0.3) > 0 for step in range(total))
