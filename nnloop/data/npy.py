"""Write the prepared arrays: several threads read images, and each block is written when it is ready.

A few blocks are in memory at a time. Threads suffice, because Pillow releases the interpreter lock while it decodes and
scales JPEGs.
"""

import errno
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnloop.data.dataset import Labels, Pixels, Split, Subset
from nnloop.data.progress_bar import Advance, bar

BLOCK_BYTES = 4 << 20  # of images that one thread reads at a time
AHEAD = 2  # blocks under way for each thread
MOST_THREADS = 32
Shape = tuple[int, int, int]  # (C, H, W)


def write(split: Split, folder: Path, *, name: str, shape: Shape) -> str:
    """Write train_x, train_y, eval_x, val_y and test_y as npy files and return the set's fingerprint.

    The dataset's `name` goes into the fingerprint. Raises ValueError if an image can't be read or has another shape,
    OSError if the disk is full.
    """
    subsets = (split.train, split.val, split.test)
    if _count(*subsets) * int(np.prod(shape)) > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    digest = hashlib.sha256(name.encode())
    with bar("preparing") as advance, closing(_read(subsets, shape, advance)) as blocks:

        def images(array: str, count: int) -> None:
            content = _take(blocks, count)
            _write(folder / f"{array}.npy", content, dtype="uint8", shape=(count, *shape), update=digest.update)

        def labels(array: str, labels: Labels) -> None:
            _write(folder / f"{array}.npy", [labels], dtype="int64", shape=labels.shape, update=digest.update)

        images("train_x", _count(split.train))
        labels("train_y", split.train.labels)
        images("eval_x", _count(split.val, split.test))
        labels("val_y", split.val.labels)
        labels("test_y", split.test.labels)
    return digest.hexdigest()[:16]


def _count(*subsets: Subset) -> int:
    return sum(len(subset.indices) for subset in subsets)


def _read(subsets: Sequence[Subset], shape: Shape, advance: Advance) -> Generator[Pixels]:
    """Yield blocks of images, one subset after the other and in order; no block has images of two subsets."""
    size = max(1, BLOCK_BYTES // int(np.prod(shape)))
    threads = min(_cores(), MOST_THREADS)
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        futures = (
            pool.submit(subset.part.pixels, subset.indices[start : start + size])
            for subset in subsets
            for start in range(0, len(subset.indices), size)
        )
        under_way = deque(islice(futures, AHEAD * threads))
        try:
            while under_way:
                block = under_way.popleft().result()
                under_way.extend(islice(futures, 1))
                if block.shape[1:] != shape or block.dtype != np.uint8:
                    raise ValueError(f"images are {block.dtype} {block.shape[1:]}, expected uint8 {shape}")
                done += len(block)
                advance(done, _count(*subsets))
                yield block
        finally:
            for future in under_way:
                future.cancel()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _take(blocks: Iterator[Pixels], count: int) -> Iterator[Pixels]:
    """Yield blocks until they hold `count` images together."""
    while count:
        block = next(blocks)
        count -= len(block)
        yield block


def _write(
    path: Path,
    blocks: Iterable[NDArray[np.generic]],
    *,
    dtype: str,
    shape: tuple[int, ...],
    update: Callable[[bytes | memoryview], object],
) -> None:
    """Write one npy file block by block, so that no copy of it is ever in memory; `update` hashes its content."""
    update(f"{path.stem} {dtype} {shape}".encode())
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            plain = np.ascontiguousarray(block)
            file.write(plain.data)
            update(plain.data)
        file.flush()
        os.fsync(file.fileno())
