"""File names, atomic writes, journals."""

from pathlib import Path

import pytest

from nnloop.errors import RunFolderError
from nnloop.runs.durable import Journal, read_lines, write_text
from nnloop.runs.folder import RunDir


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


def test_a_folder_in_use_is_refused_with_its_holder(tmp_path: Path, configure) -> None:
    run = RunDir(tmp_path / "run")
    run.open(configure("llm=random", "dataset=digits"))
    with run.hold(), pytest.raises(RunFolderError, match=r"in use by process \d+ on "), RunDir(run.path).hold():
        pass
    with run.hold():
        pass


def test_settings_of_place_may_change_between_starts(tmp_path: Path, configure) -> None:
    RunDir(tmp_path).open(configure("llm=random", "dataset=digits"))
    RunDir(tmp_path).open(configure("llm=random", "dataset=digits", "executor.workers=1", "tracker=none"))


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        RunDir(tmp_path).settings()
