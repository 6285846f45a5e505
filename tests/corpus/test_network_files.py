"""corpus=folder: every .py file that is a network, once; the others are named."""

from pathlib import Path

import pytest
from edits import seed_sources

from nnloop.corpus.network_files import load
from nnloop.errors import CorpusError
from nnloop.modes.static_guard import identify

ONE, TWO = seed_sources()[:2]


def test_networks_are_read_once_and_named_for_their_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, code in {
        "a.py": ONE,
        "deep/b.py": TWO,
        "again.py": "# the same\n" + ONE,
        "broken.py": "class Net(",
        ".ipynb_checkpoints/c.py": TWO + "\nx = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    assert [(network.name, network.code) for network in load(str(tmp_path), identify)] == [("a", ONE), ("b", TWO)]
    assert "left out broken.py: line 1: " in caplog.text


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name, code in {"x/net.py": ONE, "y/net.py": TWO}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(code)
    assert [network.name for network in load(str(tmp_path), identify)] == ["x/net", "y/net"]


def test_a_folder_without_networks_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus\.path=.*nowhere: no such folder"):
        load(str(tmp_path / "nowhere"), identify)
    (tmp_path / "net.py").write_text("class Model: pass\n")
    with pytest.raises(CorpusError, match=r"no network in it \(net\.py: no class Net at the top level\)"):
        load(str(tmp_path), identify)
