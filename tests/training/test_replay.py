"""Recorded steps repeat in a clean process, unless they drew on something that the recipe does not give."""

import pytest
from trainings import accuracy, evaluated, finished
from trials import network

from nnloop.records import Status
from nnloop.training import replay
from nnloop.training.unfit import UnfitError

HIDDEN = "self.seen = getattr(self, 'seen', 0) + self.training; "


def refused(forward: str, init: str = "pass") -> str:
    with pytest.raises(UnfitError) as caught:
        accuracy(network(init=init, forward=forward))
    assert caught.value.status is Status.OFF_RECIPE
    return caught.value.reason


def steps(forward: str, init: str = "pass") -> list[int]:
    return [look.step for look in replay.unpack(finished(network(init=init, forward=forward)).looks)]


@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_a_step_that_changes_other_tensors_than_the_last_is_recorded(at: int) -> None:
    write = f"{HIDDEN}self.net[1].bias.data.add_(0.1 * (self.seen == {at} and self.training))"
    assert at in steps(write)
    assert len(steps(write)) <= replay.RANDOM_LOOKS + replay.ODD_LOOKS
    assert "another net.1.bias than its forward pass gives" in refused(write)


def test_a_network_that_only_trains_has_its_random_looks() -> None:
    assert len(steps("pass")) == replay.RANDOM_LOOKS


GROWING = "self.factor = 1.0; self.grow = lambda g: [g * self.factor, setattr(self, 'factor', self.factor + 1)][0]"
ZERO = "nn.Linear(1, 1).weight.detach() * 0"
COUNTING = f"self.register_buffer('n', {ZERO}); self.note = lambda g: [None, self.n.add_(g.sum())][0]"
HOOK = "if self.training: x.requires_grad_().register_hook(self."


def test_a_hook_that_changes_the_images_gradient_alone_changes_nothing() -> None:
    assert accuracy(network(init=GROWING, forward=f"{HOOK}grow)")) > 0.9


@pytest.mark.parametrize(
    ("forward", "init", "reason"),
    [
        (f"{HIDDEN}x = x * self.seen", "pass", "another gradient of net.1."),
        (f"{HOOK}note)", COUNTING, "would have left another n with other labels"),
    ],
)
def test_a_step_that_drew_on_something_else_is_found(forward: str, init: str, reason: str) -> None:
    assert reason in refused(forward, init)


def test_a_training_without_a_record_is_refused() -> None:
    with pytest.raises(UnfitError, match="no step of its training was recorded"):
        evaluated(network(), finished(network()).weights, looks=b"")


@pytest.mark.parametrize("looks", [b"\x80\x04pickle", finished], ids=["pickle", "weights"])
def test_a_record_of_other_bytes_is_refused(looks: object) -> None:
    weights = finished(network()).weights
    with pytest.raises(UnfitError, match="in a step of its training, repeated: "):
        evaluated(network(), weights, looks=looks if isinstance(looks, bytes) else weights)
