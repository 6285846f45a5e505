"""Of a folder that somebody else has filled, only plain files inside it are read, up to a size."""

import os
from pathlib import Path

import pytest

from nnloop.runs import foreign


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    (folder / "sub").mkdir(parents=True)
    (folder / "plain").write_text("plain")
    (folder / "inner").symlink_to(folder / "plain")
    (tmp_path / "secret").write_text("secret")
    (folder / "outer").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.mark.parametrize("name", ["plain", "inner", "sub/../plain"])
def test_plain_files_inside_are_read(folder: Path, name: str) -> None:
    assert foreign.read_text(folder / name, folder, 100) == "plain"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("outer", "leads out of its folder"),
        ("up/secret", "leads out of its folder"),
        ("../secret", "leads out of its folder"),
        ("pipe", "is no plain file"),
        ("sub", "is no plain file"),
        ("loop", "Too many levels of symbolic links"),
        ("missing", "No such file or directory"),
    ],
)
def test_nothing_else_is_read(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(OSError, match=reason):
        foreign.read_bytes(folder / name, folder, 100)


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="is larger than 1 MiB"):
        foreign.read_bytes(folder / "large", folder, 1 << 20)


def test_a_tree_is_copied_only_if_all_of_it_is_plain(folder: Path, tmp_path: Path) -> None:
    (folder / "sub/deep").mkdir()
    (folder / "sub/deep/file").write_text("deep")
    foreign.copy_tree(folder / "sub", tmp_path / "copy", folder)
    assert (tmp_path / "copy/deep/file").read_text() == "deep"
    (folder / "sub/deep/way").symlink_to(tmp_path)
    with pytest.raises(OSError, match="leads out of its folder"):
        foreign.copy_tree(folder / "sub", tmp_path / "again", folder)
