"""Arrays that the parent and the warm process share: passed as open files, mapped into memory."""

import mmap
import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnloop.json_record import Record


@dataclass(frozen=True, slots=True)
class SharedArray(Record):
    """An array in C order, `offset` bytes into the file that is open under `descriptor`."""

    descriptor: int
    offset: int
    shape: list[int]
    dtype: str  # as numpy writes it: |u1, <i8


def share(array: NDArray[Any]) -> SharedArray:
    """Open the file that an array is mapped from, or write the array to a new file without a name. Raises OSError."""
    filename: str | None = getattr(array, "filename", None)
    mapped_whole = isinstance(getattr(array, "base", None), mmap.mmap)  # a view of a part has another base
    if filename is not None and mapped_whole:
        descriptor, offset = os.open(filename, os.O_RDONLY | os.O_CLOEXEC), int(getattr(array, "offset"))  # noqa: B009
    else:
        with tempfile.TemporaryFile() as file:
            file.write(np.ascontiguousarray(array).data)
            file.flush()
            descriptor, offset = os.dup(file.fileno()), 0
    return SharedArray(descriptor, offset, shape=[int(size) for size in array.shape], dtype=array.dtype.str)


def attach(array: SharedArray) -> NDArray[Any]:
    """Map an array copy-on-write and close its file: a candidate that writes to it changes only its own copy."""
    size = array.offset + int(np.prod(array.shape)) * np.dtype(array.dtype).itemsize
    buffer = mmap.mmap(array.descriptor, size, access=mmap.ACCESS_COPY)
    os.close(array.descriptor)
    return np.frombuffer(buffer, dtype=array.dtype, offset=array.offset).reshape(array.shape)
