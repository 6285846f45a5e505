"""Only whole lines are read, each once, and only from plain files of the run."""

import os
from pathlib import Path

import pytest

from nnloop.watch import tail
from nnloop.watch.tail import Tail


def test_each_whole_line_is_given_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = Tail(path, tmp_path)
    assert rows.rows() == []
    path.write_text('{"a": 1}\n{"a": 2')
    assert rows.rows() == [{"a": 1}]
    assert rows.rows() == []
    with path.open("a") as file:
        file.write('}\n{"a": 3}\n')
    assert rows.rows() == [{"a": 2}, {"a": 3}]


def test_damage_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{]\n")
    with pytest.raises(ValueError, match="damaged"):
        Tail(path, tmp_path).rows()
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(ValueError, match="damaged"):
        Tail(path, tmp_path).rows()
    monkeypatch.setattr(tail, "LOOK_BYTES", 64)
    path.write_text('"' + "x" * 100 + '"\n')
    with pytest.raises(OSError, match="MiB"):
        Tail(path, tmp_path).rows()
    path.write_text("1\n2\n")
    rows = Tail(path, tmp_path)
    assert rows.rows() == [1, 2]
    path.write_text("3\n")
    with pytest.raises(OSError, match="was cut"):
        rows.rows()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device"])
def test_what_is_no_plain_file_of_the_run_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    path = run / "a.jsonl"
    if kind == "link":
        (tmp_path / "secret").write_text('"secret"\n')
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(OSError):
        Tail(path, run).rows()
