"""Arrays that cross to the warm process arrive whole, and a writer changes only its own copy."""

import os
from pathlib import Path

import numpy as np
import pytest

from nnloop.sandbox.shared_arrays import SharedArray, attach, share

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("array", [PIXELS, PIXELS.transpose(2, 0, 1), PIXELS[1:], np.arange(3)], ids=str)
def test_an_array_in_memory_arrives_whole(array: np.ndarray) -> None:
    there = attach(SharedArray.from_json(share(array).to_json()))
    assert there.dtype == array.dtype
    np.testing.assert_array_equal(there, array)


@pytest.fixture
def mapped(tmp_path: Path) -> np.memmap:
    np.save(tmp_path / "x.npy", PIXELS)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def test_a_mapped_array_is_passed_as_its_own_file(mapped: np.memmap) -> None:
    shared = share(mapped)
    assert os.fstat(shared.descriptor).st_ino == os.stat(mapped.filename).st_ino
    assert shared.offset > 0
    np.testing.assert_array_equal(attach(shared), PIXELS)


def test_a_part_of_a_mapped_array_arrives_as_that_part(mapped: np.memmap) -> None:
    np.testing.assert_array_equal(attach(share(mapped[1:])), PIXELS[1:])


def test_a_writer_changes_its_own_copy_and_holds_no_descriptor(mapped: np.memmap) -> None:
    shared = share(mapped)
    there = attach(shared)
    there[:] = 0
    np.testing.assert_array_equal(np.load(mapped.filename), PIXELS)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(shared.descriptor)
