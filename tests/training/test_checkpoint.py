"""The bounds of a segment."""

from pathlib import Path

from nnloop.training.checkpoint import Segment


def test_a_training_is_cut_only_where_its_state_fits() -> None:
    segment = Segment(until=1, state=b"", largest_state=1200)
    assert segment.fits(99)
    assert not segment.fits(100)


def test_a_state_is_unpacked_into_a_file_and_the_start_of_a_training_into_none(tmp_path: Path) -> None:
    path = Segment(until=1, state=b"bytes", largest_state=9).unpack(tmp_path)
    assert path is not None
    assert path.read_bytes() == b"bytes"
    assert Segment(until=1, state=b"", largest_state=9).unpack(tmp_path) is None
