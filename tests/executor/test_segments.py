"""A long trial in legs: the same result as in one piece, and no checkpoint is trusted."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from trials import network, trial

from nnloop.executor.local import LocalExecutor
from nnloop.executor.segments import Legs
from nnloop.records import Status, Trial, TrialResult
from nnloop.sandbox.wire import Order

DRAWING = network(
    init="self.drop = nn.Dropout(0.2); self.norm = nn.BatchNorm2d(in_shape[1])",
    forward="x = self.drop(self.norm(x)) * __import__('random').uniform(0.9, 1.1)",
)
"""Draws from torch's and from Python's generator, and has buffers."""


def long_trial(code: str = DRAWING, checkpoint: Path | None = None, leg_epochs: int = 2) -> Trial:
    return replace(trial(code), epochs=4, checkpoint=checkpoint and str(checkpoint), leg_epochs=leg_epochs)


def first_leg(executor: LocalExecutor, of: Trial) -> bytes:
    """The state that the first leg gives."""
    limits = of.limits
    order = Order(
        of.candidate.code,
        of.seed,
        executor._recipe(epochs=of.epochs),
        None,
        limits.wall_s,
        limits.memory_bytes,
        65536,
        until=of.leg_epochs,
    )
    _, halted, _ = executor._run(order)
    assert halted
    return halted.state


def figures(result: TrialResult) -> tuple[object, ...]:
    return result.status, result.reason, result.val_accuracy, result.test_accuracy, result.train_loss, result.params


@pytest.fixture(scope="module")
def whole(executor: LocalExecutor) -> TrialResult:
    """The trial in one piece."""
    return executor.submit(long_trial()).result()


@pytest.mark.parametrize("leg_epochs", [1, 3])
def test_legs_give_what_one_piece_gives(
    executor: LocalExecutor, whole: TrialResult, tmp_path: Path, leg_epochs: int
) -> None:
    result = executor.submit(long_trial(checkpoint=tmp_path / "net.ckpt", leg_epochs=leg_epochs)).result()
    assert figures(result) == figures(whole)
    assert result.status is Status.OK
    assert list(tmp_path.iterdir()) == []
    ends = [*range(leg_epochs, 4, leg_epochs), 4]
    assert [epoch for epoch, _ in result.curve] == ends
    assert all(0 < accuracy < 1 for _, accuracy in result.curve)


def test_a_trial_that_was_cut_short_goes_on_inside(executor: LocalExecutor, whole: TrialResult, tmp_path: Path) -> None:
    asked = long_trial(checkpoint=tmp_path / "net.ckpt")
    Legs(asked).keep(first_leg(executor, asked), 1000.0, 0.25)
    assert Legs(asked).until is None
    result = executor.submit(replace(asked, limits=replace(asked.limits, wall_s=1060.0))).result()
    assert figures(result) == figures(whole)
    assert result.seconds > 1000
    assert result.curve == [[2, 0.25], [4, whole.val_accuracy]]


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 6}, {"proxy": "other"}])
def test_a_checkpoint_of_another_training_counts_for_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    asked = long_trial(checkpoint=tmp_path / "net.ckpt")
    Legs(asked).keep(b"state", 1.0, 0.5)
    assert Legs(asked).state is not None
    assert Legs(replace(asked, **change)).state is None  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 20, -1])
def test_a_torn_checkpoint_counts_for_nothing(tmp_path: Path, size: int) -> None:
    path = tmp_path / "net.ckpt"
    asked = long_trial(checkpoint=path)
    Legs(asked).keep(b"state", 1.0, 0.5)
    path.write_bytes(path.read_bytes()[:size])
    legs = Legs(asked)
    assert (legs.state, legs.wall_s_left, legs.until) == (None, asked.limits.wall_s, 2)


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_checkpoint_with_a_payload_is_unpickled_nowhere(executor: LocalExecutor, tmp_path: Path) -> None:
    asked = long_trial(checkpoint=tmp_path / "net.ckpt")
    Legs(asked).keep(pickle.dumps({"state_dict": Payload(tmp_path / "touched")}), 1.0, None)
    result = executor.submit(asked).result()
    assert result.status is Status.CRASHED
    assert "weights" in result.reason.lower()
    assert not (tmp_path / "touched").exists()
    assert not (tmp_path / "net.ckpt").exists()


def test_a_trial_without_a_checkpoint_has_one_leg() -> None:
    legs = Legs(replace(trial(DRAWING), epochs=4))
    assert (legs.until, legs.state) == (None, None)
    with pytest.raises(ValueError, match="one leg"):
        legs.keep(b"", 1.0, None)
