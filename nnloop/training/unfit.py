"""The exception by which training says that a candidate is at fault."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from nnloop.records import Status

REASON_LENGTH = 300


class UnfitError(Exception):
    """The failure of a candidate, with its status and a reason of one line."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@contextmanager
def blame(status: Status, where: str = "") -> Iterator[None]:
    """Turn any exception of the candidate's code in the block into an UnfitError of out-of-memory or else `status`."""
    try:
        yield
    except UnfitError:
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the candidate raises them
        status = Status.OUT_OF_MEMORY if is_out_of_memory(error) else status
        raise UnfitError(status, f"{where}{describe(error)}"[:REASON_LENGTH]) from error


def describe(error: BaseException) -> str:
    """Return an exception's type and message in one line of at most REASON_LENGTH characters; never raises."""
    try:
        text = " ".join(str(error).split())
    except BaseException:  # the candidate's own __str__
        text = "(its message can't be shown)"
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:REASON_LENGTH]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether this error of Python, torch's CPU allocator or CUDA means that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = describe(error).lower()
    return isinstance(error, RuntimeError) and any(mark in text for mark in ("can't allocate memory", "out of memory"))
