"""The downloader against a local server that behaves, is slow, breaks off, lies, refuses or is busy."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_server import Served, serve

from nnloop.data.fetch import FetchError, fetch, md5_of

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file.bin").write_bytes(CONTENT)
    with serve(folder) as served:
        yield served


def get(server: Served, tmp_path: Path, md5: str | None = MD5, timeout_s: float = 5.0) -> bytes:
    target = tmp_path / "got" / "file.bin"
    fetch([f"{server.address}/file.bin"], target, md5=md5, exclusive=True, pause_s=0.01, timeout_s=timeout_s)
    return target.read_bytes()


@pytest.mark.parametrize("fault", [None, "slow"])
def test_a_file_arrives_whole_and_alone(fault: str | None, server: Served, tmp_path: Path) -> None:
    server.faults = [fault]
    assert get(server, tmp_path) == CONTENT
    assert [path.name for path in (tmp_path / "got").iterdir()] == ["file.bin"]


def test_a_broken_off_download_is_continued(server: Served, tmp_path: Path) -> None:
    server.faults = ["cut"]
    assert get(server, tmp_path) == CONTENT
    assert server.asked == [("file.bin", None), ("file.bin", f"bytes={len(CONTENT) // 2}-")]


def test_silence_ends_in_a_timeout_and_the_rest_is_fetched(server: Served, tmp_path: Path) -> None:
    server.faults = ["stall"]
    assert get(server, tmp_path, timeout_s=0.3) == CONTENT
    assert server.asked[1][1] == f"bytes={len(CONTENT) // 2}-"


def test_a_server_that_cannot_continue_sends_it_all_again(server: Served, tmp_path: Path) -> None:
    server.faults, server.ranges = ["cut"], False
    assert get(server, tmp_path) == CONTENT


def test_a_later_process_continues_what_an_earlier_one_left(server: Served, tmp_path: Path) -> None:
    server.faults = ["cut", 404]
    with pytest.raises(FetchError):
        get(server, tmp_path)
    assert get(server, tmp_path) == CONTENT
    assert server.asked[-1][1] == f"bytes={len(CONTENT) // 2}-"


def test_a_leftover_that_does_not_fit_is_fetched_anew(server: Served, tmp_path: Path) -> None:
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / ".file.bin.part").write_bytes(b"of another file")
    assert get(server, tmp_path) == CONTENT


def test_a_leftover_without_a_checksum_is_not_trusted(server: Served, tmp_path: Path) -> None:
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / ".file.bin.part").write_bytes(b"of another file")
    assert get(server, tmp_path, md5=None) == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_stays(server: Served, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=rf"file\.bin: its MD5 is {MD5}, {'0' * 32} is published"):
        get(server, tmp_path, md5="0" * 32)
    assert len(server.asked) == 2
    assert list((tmp_path / "got").iterdir()) == []


def test_a_busy_server_is_asked_again(server: Served, tmp_path: Path) -> None:
    server.faults = [503, 503, 429]
    assert get(server, tmp_path) == CONTENT


def test_a_server_that_stays_busy_is_given_up(server: Served, tmp_path: Path) -> None:
    server.faults = [503] * 10
    with pytest.raises(FetchError, match=r"HTTP 503 Service Unavailable \(4 tries\)"):
        get(server, tmp_path)
    assert len(server.asked) == 4


def test_a_missing_file_is_not_asked_for_again(server: Served, tmp_path: Path) -> None:
    server.faults = [404]
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:\d+/file\.bin: HTTP 404 Not Found"):
        get(server, tmp_path)
    assert len(server.asked) == 1


def test_a_web_page_is_not_taken_for_the_file(server: Served, tmp_path: Path) -> None:
    server.faults = ["html"]
    with pytest.raises(FetchError, match="a web page came instead of the file"):
        get(server, tmp_path, md5=None)


def test_the_next_address_is_asked_where_one_fails(server: Served, tmp_path: Path) -> None:
    urls = ["http://127.0.0.1:9/file.bin", f"{server.address}/moved.bin", f"{server.address}/file.bin"]
    fetch(urls, tmp_path / "file.bin", md5=MD5, exclusive=True, pause_s=0.01)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_every_address_is_named_where_all_fail(tmp_path: Path) -> None:
    urls = ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b", "nonsense"]
    with pytest.raises(FetchError, match=r"/a: Connection refused \(2 tries\); .*/b: .*; nonsense: no address"):
        fetch(urls, tmp_path / "a", md5=MD5, exclusive=True, pause_s=0.01)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_oserror_and_no_reason_to_try_again(server: Served, tmp_path: Path) -> None:
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / ".file.bin.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        get(server, tmp_path)
    assert len(server.asked) == 1


def test_a_digest_is_of_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert md5_of(tmp_path / "file") == MD5
