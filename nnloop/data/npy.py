"""Writing the prepared arrays: images are read by several threads and written as they come, in bounded memory.

Threads are enough: decoding and scaling JPEGs in Pillow release the interpreter.
"""

import errno
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nnloop.data.dataset import Pixels, Split, Subset
from nnloop.data.progress_bar import bar

BLOCK_BYTES = 4 << 20  # of images that one thread reads at a time
AHEAD = 2  # blocks under way for each thread
MOST_THREADS = 32
Shape = tuple[int, int, int]  # (C, H, W)


def write(name: str, split: Split, shape: Shape, folder: Path) -> str:
    """Write train_x, train_y, eval_x, val_y and test_y as npy files and return the set's fingerprint.

    Raises ValueError where an image can't be read or has another shape, OSError where the disk is full.
    """
    parts = (split.train, split.val, split.test)
    total = sum(len(part.indices) for part in parts)
    if total * int(np.prod(shape)) > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    digest = hashlib.sha256(name.encode())
    threads = _threads()
    with ThreadPoolExecutor(threads) as pool, bar("preparing") as advance:
        blocks = _counted(_read(pool, threads, shape, parts), total, advance)

        def images(of: str, *subsets: Subset) -> None:
            count = sum(len(subset.indices) for subset in subsets)
            _write(folder, of, (count, *shape), np.dtype(np.uint8), _take(blocks, count), digest)

        def labels(of: str, subset: Subset) -> None:
            _write(folder, of, (len(subset.indices),), np.dtype(np.int64), [subset.labels], digest)

        images("train_x", split.train)
        labels("train_y", split.train)
        images("eval_x", split.val, split.test)
        labels("val_y", split.val)
        labels("test_y", split.test)
    return digest.hexdigest()[:16]


def _read(pool: ThreadPoolExecutor, threads: int, shape: Shape, parts: Iterable[Subset]) -> Iterator[Pixels]:
    """Yield blocks of images, part after part and in order; only a few are in memory. No block is of two parts."""
    under_way: deque[Future[Pixels]] = deque()
    try:
        for part in parts:
            size = max(1, BLOCK_BYTES // int(np.prod(shape)))
            for start in range(0, len(part.indices), size):
                under_way.append(pool.submit(part.part.pixels, part.indices[start : start + size]))
                if len(under_way) > AHEAD * threads:
                    yield _checked(under_way.popleft().result(), shape)
        while under_way:
            yield _checked(under_way.popleft().result(), shape)
    finally:
        for future in under_way:
            future.cancel()


def _checked(block: Pixels, shape: Shape) -> Pixels:
    if block.shape[1:] != shape or block.dtype != np.uint8:
        raise ValueError(f"images are {block.dtype} {block.shape[1:]}, expected uint8 {shape}")
    return block


def _counted(blocks: Iterator[Pixels], total: int, advance: Any) -> Iterator[Pixels]:
    done = 0
    for block in blocks:
        done += len(block)
        advance(done, total)
        yield block


def _take(blocks: Iterator[Pixels], count: int) -> Iterator[Pixels]:
    """As many blocks as hold `count` images."""
    while count:
        block = next(blocks)
        count -= len(block)
        yield block


def _write(
    folder: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Iterable[NDArray[Any]], digest: Any
) -> None:
    """Write one npy file block by block, so that no copy of it is ever in memory."""
    digest.update(f"{name} {dtype} {shape}".encode())
    with (folder / f"{name}.npy").open("wb") as file:
        _write_header(file, shape, dtype)
        for block in blocks:
            plain = np.ascontiguousarray(block)
            file.write(plain.data)
            digest.update(plain.data)
        file.flush()
        os.fsync(file.fileno())


def _write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)
