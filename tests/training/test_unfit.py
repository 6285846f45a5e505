"""The candidate's fault: in one line, and told from a lack of memory."""

import pytest

from nnloop.records import Status
from nnloop.training.unfit import UnfitError, blame, describe, is_out_of_memory


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise KeyError


def test_a_reason_is_one_short_line() -> None:
    assert describe(ValueError("a\n b\t c" * 1000)).startswith("ValueError: a b ca b c")
    assert len(describe(ValueError("x" * 1000))) == 300


def test_an_error_that_cannot_be_shown_is_described_all_the_same() -> None:
    assert describe(UnprintableError()) == "UnprintableError: (its message can't be shown)"


def test_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(OSError(12, "Cannot allocate memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shapes can't be multiplied"))
    assert not is_out_of_memory(OSError(28, "No space left on device"))


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("no"), Status.CRASHED, "forward(): ValueError: no"),
        (SystemExit(0), Status.CRASHED, "forward(): SystemExit: 0"),
        (StopIteration(), Status.CRASHED, "forward(): StopIteration"),
        (KeyboardInterrupt(), Status.CRASHED, "forward(): KeyboardInterrupt"),
        (MemoryError(), Status.OUT_OF_MEMORY, "forward(): MemoryError"),
        (UnfitError(Status.DIVERGED, "as it is"), Status.DIVERGED, "as it is"),
    ],
)
def test_whatever_a_candidate_raises_is_its_fault(error: BaseException, status: Status, reason: str) -> None:
    with pytest.raises(UnfitError) as caught, blame(Status.CRASHED, "forward(): "):
        raise error
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_a_blamed_reason_is_as_short_as_any() -> None:
    with pytest.raises(UnfitError) as caught, blame(Status.CRASHED, "forward(): "):
        raise ValueError("x" * 1000)
    assert len(caught.value.reason) == 300
