"""Recorded steps repeat in a clean process, unless they drew on something that the recipe does not give."""

import pytest
from trainings import accuracy, evaluated, finished
from trials import network

from nnloop.records import Status
from nnloop.training.unfit import UnfitError

HIDDEN = "self.seen = getattr(self, 'seen', 0) + self.training; "
GROWING = "self.factor = 1.0; self.grow = lambda g: [g * self.factor, setattr(self, 'factor', self.factor + 1)][0]"
ZERO = "nn.Linear(1, 1).weight.detach() * 0"
COUNTING = f"self.register_buffer('n', {ZERO}); self.note = lambda g: [None, self.n.add_(g.sum())][0]"
HOOK = "if self.training: x.requires_grad_().register_hook(self."


def refused(forward: str, init: str = "pass") -> str:
    with pytest.raises(UnfitError) as caught:
        accuracy(network(init=init, forward=forward))
    assert caught.value.status is Status.OFF_RECIPE
    return caught.value.reason


@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_a_step_that_changes_other_tensors_than_the_last_is_found(at: int) -> None:
    write = f"{HIDDEN}self.net[1].bias.data.add_(0.1 * (self.seen == {at} and self.training))"
    assert "another net.1.bias than its forward pass gives" in refused(write)


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


def test_weights_from_before_the_training_are_found() -> None:
    drawn = "import time, torch; torch.manual_seed(time.time_ns())"
    assert "before its training it had another net.1." in refused("pass", drawn)


def test_a_layer_that_takes_its_scale_from_its_first_images_is_left_alone() -> None:
    scaled = "self.register_buffer('scale', nn.Linear(1, 1).weight.detach().new_zeros(1))"
    first = "self.scale.copy_(x.detach().std()) if not self.scale else None; x = x / self.scale"
    assert accuracy(network(init=scaled, forward=first)) > 0.9


def test_a_training_without_a_record_is_refused() -> None:
    with pytest.raises(UnfitError, match="no step of its training was recorded"):
        evaluated(network(), finished(network()).weights, looks=b"")


@pytest.mark.parametrize("looks", [b"\x80\x04pickle", finished], ids=["pickle", "weights"])
def test_a_record_of_other_bytes_is_refused(looks: object) -> None:
    weights = finished(network()).weights
    with pytest.raises(UnfitError, match="before its training, repeated: "):
        evaluated(network(), weights, looks=looks if isinstance(looks, bytes) else weights)
