"""A long trial in segments: the same result as in one piece, and no checkpoint is trusted."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from trials import network, trial

from nnloop.executor.local import LocalExecutor
from nnloop.executor.segments import Segments
from nnloop.records import Status, Trial, TrialResult
from nnloop.sandbox.score import SegmentEnd
from nnloop.sandbox.wire import TrialRequest

DRAWING = network(
    init="self.drop = nn.Dropout(0.2); self.norm = nn.BatchNorm2d(in_shape[1])",
    forward="x = self.drop(self.norm(x)) * __import__('random').uniform(0.9, 1.1)",
)
"""Draws from torch's and from Python's generator, and has buffers."""


def long_trial(code: str = DRAWING, checkpoint: Path | None = None, segment_epochs: int = 2) -> Trial:
    return replace(trial(code), epochs=4, checkpoint=checkpoint and str(checkpoint), segment_epochs=segment_epochs)


def first_segment(executor: LocalExecutor, of: Trial) -> SegmentEnd:
    """Run the trial's first segment."""
    request = TrialRequest(
        of.candidate.code,
        of.seed,
        executor._recipe(of),
        limits=of.limits,
        max_params=None,
        until=of.segment_epochs,
    )
    end = executor._run(request)
    assert isinstance(end, SegmentEnd)
    return end


def figures(result: TrialResult) -> tuple[object, ...]:
    return result.status, result.reason, result.val_accuracy, result.test_accuracy, result.train_loss, result.params


@pytest.fixture(scope="module")
def whole(executor: LocalExecutor) -> TrialResult:
    """The trial in one piece."""
    return executor.submit(long_trial()).result()


@pytest.mark.parametrize("segment_epochs", [1, 3])
def test_segments_give_what_one_piece_gives(
    executor: LocalExecutor, whole: TrialResult, tmp_path: Path, segment_epochs: int
) -> None:
    result = executor.submit(long_trial(checkpoint=tmp_path / "net.ckpt", segment_epochs=segment_epochs)).result()
    assert figures(result) == figures(whole)
    assert result.status is Status.OK
    assert list(tmp_path.iterdir()) == []
    ends = [*range(segment_epochs, 4, segment_epochs), 4]
    assert [epoch for epoch, _ in result.curve] == ends
    assert all(0 < accuracy < 1 for _, accuracy in result.curve)


def test_a_trial_that_was_cut_short_goes_on_inside(executor: LocalExecutor, whole: TrialResult, tmp_path: Path) -> None:
    asked = long_trial(checkpoint=tmp_path / "net.ckpt")
    end = replace(first_segment(executor, asked), seconds=1000.0, val_accuracy=0.25)
    Segments(asked).save(end)
    assert Segments(asked).until is None
    result = executor.submit(replace(asked, limits=replace(asked.limits, wall_s=1060.0))).result()
    assert figures(result) == figures(whole)
    assert result.seconds > 1000
    assert result.curve == [[2, 0.25], [4, whole.val_accuracy]]


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 6}, {"proxy": "other"}])
def test_a_checkpoint_of_another_training_counts_for_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    asked = long_trial(checkpoint=tmp_path / "net.ckpt")
    Segments(asked).save(SegmentEnd(b"state", 1.0, 1.0, val_accuracy=0.5))
    assert Segments(asked).state is not None
    assert Segments(replace(asked, **change)).state is None  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 20, -1])
def test_a_torn_checkpoint_counts_for_nothing(tmp_path: Path, size: int) -> None:
    path = tmp_path / "net.ckpt"
    asked = long_trial(checkpoint=path)
    Segments(asked).save(SegmentEnd(b"state", 1.0, 1.0, val_accuracy=0.5))
    path.write_bytes(path.read_bytes()[:size])
    segments = Segments(asked)
    assert (segments.state, segments.wall_s_left, segments.until) == (None, asked.limits.wall_s, 2)


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_checkpoint_with_a_payload_is_unpickled_nowhere(executor: LocalExecutor, tmp_path: Path) -> None:
    asked = long_trial(checkpoint=tmp_path / "net.ckpt")
    state = pickle.dumps({"state_dict": Payload(tmp_path / "touched")})
    Segments(asked).save(SegmentEnd(state, 1.0, 1.0, val_accuracy=None))
    result = executor.submit(asked).result()
    assert result.status is Status.CRASHED
    assert "weights" in result.reason.lower()
    assert not (tmp_path / "touched").exists()
    assert not (tmp_path / "net.ckpt").exists()


def test_a_trial_without_a_checkpoint_has_one_segment() -> None:
    segments = Segments(replace(trial(DRAWING), epochs=4))
    assert (segments.until, segments.state) == (None, None)
    with pytest.raises(ValueError, match="one segment"):
        segments.save(SegmentEnd(b"", 1.0, 1.0, val_accuracy=None))
