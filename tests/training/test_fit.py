"""One training from code to logits: in one piece or in segments, and the ends that it may have."""

from dataclasses import replace

import pytest
from recipes import lemur_recipe, own_network, rows
from trainings import finished, unfit
from trials import network

from nnloop.records import Status
from nnloop.training import fit
from nnloop.training.checkpoint import Checkpoint, Segment
from nnloop.training.contract import Built
from nnloop.training.unfit import UnfitError

DRAWING = network(init="self.drop = nn.Dropout(0.5)", forward="x = self.drop(x)")
PLAN = lemur_recipe(epochs=3)


def end_of(segment: Segment | None, code: str = DRAWING) -> fit.Finished | Checkpoint:
    return fit.train(code, rows(), PLAN, seed=1, on_built=lambda built: None, segment=segment)


@pytest.mark.parametrize("code", [network(), own_network()])
def test_the_same_seed_gives_the_same_weights_and_another_others(code: str) -> None:
    first, again, other = finished(code), finished(code), finished(code, seed=1)
    assert first == again
    assert first.weights != other.weights
    assert len(first.answers) == 60


def test_segments_give_the_weights_and_the_loss_of_one_piece() -> None:
    whole, state = end_of(None), b""
    assert isinstance(whole, fit.Finished)
    for until in (1, 2):
        cut = end_of(Segment(until, state, largest_state=1 << 20))
        assert isinstance(cut, Checkpoint)
        assert cut.weights != whole.weights
        state = cut.state
    last = end_of(Segment(3, state, largest_state=1 << 20))
    assert isinstance(last, fit.Finished)
    assert replace(last, looks=whole.looks) == whole


@pytest.mark.parametrize("code", [DRAWING, own_network()], ids=["too large a state", "its own loop"])
def test_a_training_that_cannot_be_cut_goes_on_to_its_end(code: str) -> None:
    largest = 100 if code == DRAWING else 1 << 20
    whole, end = end_of(None, code), end_of(Segment(1, b"", largest_state=largest), code)
    assert isinstance(end, fit.Finished)
    assert replace(end, looks=whole.looks) == whole


def test_a_network_with_too_many_parameters_is_built_and_not_trained() -> None:
    seen: list[Built] = []
    with pytest.raises(UnfitError, match=r"^1,010 parameters, 1,000 are allowed$") as caught:
        fit.train(network(), rows(), PLAN, seed=0, on_built=seen.append, max_params=1000)
    assert caught.value.status is Status.REJECTED
    assert [built.params for built in seen] == [1010]


@pytest.mark.parametrize(
    ("forward", "status", "reason"),
    [
        ("assert not self.training", Status.CRASHED, "AssertionError"),
        ("x = self.grow(x) if self.training else x", Status.CRASHED, "AttributeError"),
        ("if self.training: raise MemoryError", Status.OUT_OF_MEMORY, "MemoryError"),
        ("if len(x) == 8: raise SystemExit(0)", Status.CRASHED, "SystemExit: 0"),
    ],
)
def test_what_goes_wrong_in_training_is_said(forward: str, status: Status, reason: str) -> None:
    error = unfit(network(forward=forward))
    assert error.status is status
    assert reason in error.reason
