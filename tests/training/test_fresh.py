"""A trained network is scored by its parameters and buffers, whatever else its training left behind."""

from functools import cache

import pytest
import torch
from recipes import lemur_recipe, rows
from trainings import accuracy, evaluated, finished
from trials import network

from nnloop.records import Status
from nnloop.training.unfit import UnfitError


@cache
def weights() -> bytes:
    return finished(network()).weights


def refused(forward: str, init: str = "pass") -> UnfitError:
    code = network(init=init, forward=forward)
    with pytest.raises(UnfitError) as caught:
        evaluated(code, weights())
    return caught.value


def test_the_logits_are_those_of_the_trained_network() -> None:
    end = evaluated(network(), weights())
    assert (end.logits.shape, end.logits.dtype) == ((30, 10), torch.float32)
    assert end.answers == finished(network()).answers
    assert (end.params, end.precision, end.graph is not None) == (1010, "float32", True)
    assert accuracy(network()) > 0.9


def test_what_a_network_keeps_elsewhere_is_not_part_of_it() -> None:
    hidden = network(
        init="self.seen = [0]",
        forward="self.seen[0] += self.training\n        x = x if self.seen[0] > 5 else x * 0",
    )
    answers = evaluated(hidden, finished(hidden).weights).logits.argmax(1)
    assert (answers == torch.arange(30) % 10).float().mean() < 0.3
    with pytest.raises(UnfitError, match="gives in a clean process"):
        accuracy(hidden)


def test_buffers_of_any_kind_go_along() -> None:
    grown = network(
        init="self.register_buffer('seen', torch.zeros(0), persistent=False)",
        forward="self.seen = torch.cat([self.seen, x.new_zeros(1)]) if self.training else self.seen\n"
        "        x = x if len(self.seen) else x * 0",
    ).replace("from torch import nn", "import torch\nfrom torch import nn")
    assert accuracy(grown) > 0.9


def test_random_draws_of_the_constructor_are_repeated() -> None:
    drawn = network(
        init="import random; self.order = random.sample(range(10), 10)", forward="x = x[:, :, :, self.order]"
    )
    assert accuracy(drawn) > 0.9


@pytest.mark.parametrize(
    ("forward", "status", "reason"),
    [
        ("x = x if self.training or len(x) < 9 else x / 0", Status.DIVERGED, "the logits are not finite"),
        ("assert len(x) < 9", Status.CRASHED, "in its evaluation: AssertionError"),
        ("x = x - x.mean(0)", Status.OFF_RECIPE, "its logits depend on what else is in the batch"),
        (
            "self.seen = getattr(self, 'seen', 0) + 1; x = x + self.seen * (x.flatten(1)[:, :1, None, None] > 0)",
            Status.OFF_RECIPE,
            "its logits depend on what it saw before",
        ),
    ],
)
def test_what_goes_wrong_in_an_evaluation_is_said(forward: str, status: Status, reason: str) -> None:
    error = refused(forward)
    assert (error.status, reason in error.reason) == (status, True), error.reason


@pytest.mark.parametrize("forward", ["x = nn.functional.dropout(x, 0.5)", "x = x * 0"], ids=["random", "constant"])
def test_networks_that_draw_or_know_nothing_are_scored(forward: str) -> None:
    assert evaluated(network(forward=forward), weights()).logits.shape == (30, 10)


def test_weights_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(UnfitError, match="in its evaluation: SafetensorError"):
        evaluated(network(), b"\x80\x04pickle", lemur_recipe())
    assert len(rows().x) == 60
