"""A candidate sees Python and no data."""

import sys
from pathlib import Path

import pytest
from paths import ROOT

from nnloop.sandbox.view import expand, is_below, make_view


def test_hidden_files_are_cut_out_of_what_is_readable(tmp_path: Path) -> None:
    for name in ("a/x", "a/secret/y", "b/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    real = tmp_path.resolve()
    parts = list(expand(str(real), (str(real / "a/secret"),)))
    assert parts == [str(real / "a/x"), str(real / "b")]


def test_a_candidate_sees_python_but_no_data_set_and_no_run() -> None:
    seen = make_view((str(Path.home()),))
    assert sys.prefix in seen.readable
    assert any(path.endswith("sklearn/datasets/data") for path in seen.hidden)
    assert all("sklearn/datasets/data" not in part for part in seen.parts)
    checkout = str(ROOT)
    assert checkout not in seen.readable


def test_a_data_set_of_another_python_is_hidden_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "lib/python3.9/dist-packages/sklearn/datasets/data"
    copy.mkdir(parents=True)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    assert str(copy.resolve()) in make_view(()).hidden


def test_only_the_folder_itself_and_paths_in_it_are_below_it() -> None:
    assert is_below("/a/b", "/a")
    assert is_below("/a", "/a")
    assert is_below("/a", "/")
    assert not is_below("/ab", "/a")
