"""Networks that train by their own train_setup and learn (proxy=lemur)."""

from dataclasses import replace

import pytest
from recipes import lemur_recipe, own_network
from torch import nn
from trainings import accuracy, finished, unfit
from trials import network

from nnloop.records import Status
from nnloop.training.own import trains_itself


def test_a_network_trains_itself_where_the_recipe_lets_it_and_it_can() -> None:
    able, unable = nn.Linear(1, 1), nn.Linear(1, 1)
    able.learn = lambda batches: None
    assert trains_itself(able, lemur_recipe())
    assert not trains_itself(unable, lemur_recipe())
    assert not trains_itself(able, replace(lemur_recipe(), own_training=False))


def test_a_network_sees_the_transforms_size_and_trains_by_its_own_loop() -> None:
    seen = own_network(first="assert len(batches) == 8 and next(iter(batches))[0].shape == (8, 1, 32, 32)")
    assert accuracy(seen, lemur_recipe(transform="norm_32")) > 0.9
    assert finished(seen, lemur_recipe(transform="norm_32")).train_loss is None


def test_its_own_optimizer_counts() -> None:
    assert accuracy(own_network()) > 0.9
    assert accuracy(own_network(optimizer="SGD(self.parameters(), 1e-9)")) < 0.5


def test_batches_are_given_once_an_epoch_and_hold_every_image() -> None:
    counting = own_network(
        first="batches = list(batches); assert sum(len(y) for _, y in batches) == 60",
        last="self.epochs = getattr(self, 'epochs', 0) + 1; assert self.epochs <= 2",
    )
    assert accuracy(counting, lemur_recipe(epochs=2)) > 0.9
    assert accuracy(own_network(last="assert list(batches) == []")) > 0.9


def test_a_network_without_a_loop_trains_by_lemurs_usual_one() -> None:
    assert accuracy(network()) > 0.9
    assert finished(network()).train_loss is not None


def test_under_another_protocol_its_own_loop_does_not_count() -> None:
    other = replace(lemur_recipe(), own_training=False)
    assert finished(own_network(first="1 / 0"), other).train_loss is not None


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (own_network(first="1 / 0"), Status.CRASHED, "ZeroDivisionError"),
        (own_network(optimizer="Nope()"), Status.CRASHED, "AttributeError"),
        (own_network(scale="float('nan')"), Status.DIVERGED, "the weights are not finite after 8 of 8 batches"),
        (
            own_network(first="batches = list(batches) * 2"),
            Status.OFF_RECIPE,
            "16 optimizer steps by 16 gradients for 8 batches",
        ),
    ],
)
def test_what_goes_wrong_in_its_own_training_is_said(code: str, status: Status, reason: str) -> None:
    error = unfit(code)
    assert error.status is status
    assert reason in error.reason


@pytest.mark.parametrize(
    "again",
    [
        "self.optimizer.step()",  # a gradient taken twice, as networks of LEMUR's do
        "sum(parameter.abs().sum() for parameter in self.parameters()).backward()",  # no step by it
    ],
)
def test_more_steps_or_gradients_than_batches_are_fine_alone(again: str) -> None:
    assert accuracy(own_network(again=again)) > 0.9


def test_weights_that_are_not_finite_end_a_long_epoch_early() -> None:
    error = unfit(own_network(scale="float('nan')"), lemur_recipe(batch_size=2))
    assert (error.status, error.reason) == (Status.DIVERGED, "the weights are not finite after 16 of 30 batches")
    assert accuracy(own_network(), lemur_recipe(batch_size=2)) > 0.9
