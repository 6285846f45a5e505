"""Everything in a scratch folder is counted and removed, however it was made."""

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from trials import linux

from nnloop.sandbox import root
from nnloop.sandbox.scratch import DEEPEST, is_full, remove

pytestmark = linux
LIMIT = 1 << 20


def nest(folder: Path, levels: int) -> None:
    """Make folders in each other, deeper than a path may be long."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("folder", dir_fd=descriptor)
        inner = os.open("folder", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def full(folder: Path) -> bool:
    return is_full(str(folder), LIMIT, os.getpid())


def large(folder: Path) -> Path:
    (folder / "large").write_bytes(bytes(LIMIT + 1))
    return folder / "large"


def test_a_folder_within_its_limits_is_not_full(tmp_path: Path) -> None:
    nest(tmp_path, 5)
    (tmp_path / "file").write_bytes(bytes(1000))
    assert not full(tmp_path)
    assert not is_full(str(tmp_path / "gone"), LIMIT, os.getpid())


def test_large_files_many_files_and_deep_folders_fill_it(tmp_path: Path) -> None:
    for name in ("bytes", "files", "depth"):
        (tmp_path / name).mkdir()
    large(tmp_path / "bytes")
    for number in range(root.MOST_FILES + 1):
        (tmp_path / "files" / str(number)).touch()
    nest(tmp_path / "depth", DEEPEST + 2)
    assert [full(tmp_path / name) for name in ("bytes", "files", "depth")] == [True] * 3


def test_a_file_that_is_unlinked_counts_as_long_as_it_is_open_or_mapped(tmp_path: Path) -> None:
    with large(tmp_path).open("r+b") as file:
        (tmp_path / "large").unlink()
        assert full(tmp_path)
    assert not full(tmp_path)
    with large(tmp_path).open("r+b") as file, mmap.mmap(file.fileno(), 4096) as mapped:
        (tmp_path / "large").unlink()
        file.close()
        assert full(tmp_path)
        assert mapped[0] == 0


def closed(folder: Path) -> None:
    (folder / "closed").mkdir()
    large(folder / "closed")
    (folder / "closed").chmod(0)


@pytest.mark.parametrize("fill", [closed, lambda folder: nest(folder, 3000), large], ids=["closed", "deep", "large"])
def test_whatever_was_made_in_it_is_removed(tmp_path: Path, fill: Callable[[Path], object]) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    fill(scratch)
    (scratch / "link").symlink_to(tmp_path)
    assert full(scratch)
    remove(str(scratch))
    assert list(tmp_path.iterdir()) == []
    remove(str(scratch))
