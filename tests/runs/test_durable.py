"""Full and read-only disks, torn lines: one clear line, and nothing that was there is harmed."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nnloop import novelty
from nnloop.corpus import seeds
from nnloop.errors import RunFolderError
from nnloop.loop.archive import Archive
from nnloop.records import Status, TrialResult
from nnloop.runs.durable import Journal, read_lines, write_text
from nnloop.runs.folder import RunFolder
from nnloop.settings import MinHashSettings

ROW = '{"text": "' + "x" * 6000 + '"}'  # more than a page: the last page of a file has room on a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_journal_on_a_full_disk_keeps_its_lines_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    journal = Journal(small_disk / "j.jsonl")
    journal.append(ROW)
    fill(small_disk / "filler")
    with pytest.raises(RunFolderError, match=r"j\.jsonl: can't be written: No space left on device"):
        journal.append(ROW)
    assert list(read_lines(small_disk / "j.jsonl")) == [json.loads(ROW)]
    (small_disk / "filler").unlink()
    journal.append('{"text": "after"}')
    journal.close()
    rows = list(read_lines(small_disk / "j.jsonl"))
    assert [row["text"][:5] for row in rows] == ["xxxxx", "after"]


def test_replacing_a_file_on_a_full_disk_leaves_the_old_one(small_disk: Path) -> None:
    write_text(small_disk / "f", "old")
    fill(small_disk / "filler")
    with pytest.raises(RunFolderError, match="No space left on device"):
        write_text(small_disk / "f", "new" * 10_000)
    assert (small_disk / "f").read_text() == "old"
    assert sorted(path.name for path in small_disk.iterdir()) == ["f", "filler"]


def test_a_novelty_index_that_finds_no_room_is_a_warning_and_is_computed_at_the_next_start(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (small_disk / "code").mkdir()
    corpus = [(replace(network, val_accuracy=0.5), TrialResult(Status.OK)) for network in seeds()]
    rule = MinHashSettings("tokens", "tokens", 10, 256, 0.85, 0.9)
    archive = Archive(RunFolder(small_disk), novelty.build(rule), corpus)
    fill(small_disk / "filler")
    archive.close()
    assert [record.message for record in caplog.records] == [
        f"{small_disk / 'novelty'}: can't be written (No space left on device); the next start computes it"
    ]
    assert list((small_disk / "novelty").iterdir()) == []
    (small_disk / "filler").unlink()
    again = Archive(RunFolder(small_disk), novelty.build(rule), corpus)
    assert again.novelty.judge("new", corpus[0][0].code, None).max_jaccard == 1.0
    again.close()
    assert [path.name for path in (small_disk / "novelty").iterdir()] == ["source.npz"]


def test_a_read_only_disk_is_one_line(small_disk: Path) -> None:
    Journal(small_disk / "j.jsonl").close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RunFolderError, match=r"j\.jsonl: can't be written: Read-only file system"):
        Journal(small_disk / "j.jsonl")


def test_a_torn_line_longer_than_a_block_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b"y" * 200_000)
    journal = Journal(path)
    journal.append('{"a": 2}')
    journal.close()
    assert list(read_lines(path)) == [{"a": 1}, {"a": 2}]


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"z" * 1000)
        except OSError:
            os.fsync(file.fileno())


def test_a_torn_last_line_is_dropped_and_the_next_append_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n{"a": 3')
    assert list(read_lines(path)) == [{"a": 1}, {"a": 2}]
    journal = Journal(path)
    journal.append('{"a": 4}')
    journal.close()
    assert list(read_lines(path)) == [{"a": 1}, {"a": 2}, {"a": 4}]


def test_a_damaged_line_before_the_last_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a"\n{"a": 3}\n')
    with pytest.raises(RunFolderError, match=r"j\.jsonl: line 2 is damaged"):
        list(read_lines(path))


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write_text(tmp_path / "f", "long old content")
    write_text(tmp_path / "f", "new\udc80")
    assert (tmp_path / "f").read_text(errors="surrogatepass") == "new\udc80"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_file_is_not_written_through_a_link_that_lies_in_wait(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    (tmp_path / f".page.{os.getpid()}").symlink_to(tmp_path / "outside")
    write_text(tmp_path / "page", "theirs")
    assert (tmp_path / "outside").read_text() == "mine"
    assert (tmp_path / "page").read_text() == "theirs"
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "outside")
    with pytest.raises(RunFolderError, match=r"journal\.jsonl"):
        Journal(tmp_path / "journal.jsonl")
