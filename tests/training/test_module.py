"""The Lightning module: the recipe's optimizer, schedule and loss, and the end of a training that diverges."""

import math
import re
from dataclasses import replace

import pytest
import torch
from recipes import CPU, lemur_recipe, recipe
from torch import nn
from trainings import finished, unfit
from trials import network

from nnloop.records import Status
from nnloop.training.module import Classifier
from nnloop.training.precision import Precision
from nnloop.training.recipe import Recipe

RISING = network(forward="return self.net(x) * (1 if not self.training else 1e3)")


def classifier(plan: Recipe) -> Classifier:
    generator = torch.Generator().manual_seed(0)
    return Classifier(nn.Linear(1, 10), plan, Precision(False, CPU), steps=30, generator=generator)


def test_the_optimizer_is_the_recipes() -> None:
    fast = classifier(recipe()).configure_optimizers().defaults
    assert (fast["lr"], fast["momentum"], fast["nesterov"], fast["weight_decay"]) == (0.1, 0.9, True, 0.0)
    lemur = classifier(replace(lemur_recipe(), weight_decay=0.5)).configure_optimizers().defaults
    assert (lemur["lr"], lemur["nesterov"], lemur["weight_decay"]) == (0.05, False, 0.5)
    assert not classifier(replace(recipe(), momentum=0.0)).configure_optimizers().defaults["nesterov"]


def test_a_checkpoint_brings_back_the_place_in_the_schedule() -> None:
    before, after = classifier(recipe()), classifier(recipe())
    before.steps, before.loss_sum = 7, torch.tensor(21.0)
    held: dict[str, object] = {}
    before.on_save_checkpoint(held)
    after.on_load_checkpoint(held)
    assert (after.steps, float(after.loss_sum)) == (7, 21.0)
    number = torch.rand(1, generator=before.generator)
    torch.rand(5, generator=after.generator)
    after.on_train_start()
    assert torch.equal(torch.rand(1, generator=after.generator), number)


def test_the_mean_loss_falls_while_a_network_learns() -> None:
    loss, longer = (finished(network(), lemur_recipe(epochs=epochs)).train_loss for epochs in (1, 3))
    assert loss is not None
    assert longer is not None
    assert longer < loss < math.log(10)


def test_a_loss_that_is_not_finite_ends_a_trial() -> None:
    error = unfit(network(forward="x = x / 0"), lemur_recipe(batch_size=2))
    assert (error.status, error.reason) == (Status.DIVERGED, "the loss is not finite by step 16 of 30")


def test_a_loss_worse_than_guessing_ends_a_trial_past_the_set_share_and_not_before() -> None:
    error = unfit(RISING, lemur_recipe(batch_size=2, lr=1e-8, chance_share=0.6))
    assert error.status is Status.DIVERGED
    assert re.fullmatch(r"the loss is \d+\.\d\d by step 30 of 30, guessing's is 2\.30", error.reason)
    assert finished(RISING, lemur_recipe(batch_size=2, lr=1e-8)).train_loss is not None


@pytest.mark.parametrize("clip_norm", [0.0, 1e-9])
def test_gradients_are_clipped_where_the_recipe_says_so(clip_norm: float) -> None:
    loss = finished(network(), lemur_recipe(epochs=3, clip_norm=clip_norm)).train_loss
    assert loss is not None
    assert (loss < 1.5) == (clip_norm == 0.0)
